# Completions of hook, written by `hook completions powershell`.
Register-ArgumentCompleter -Native -CommandName hook -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $prev = $env:_HOOK_COMPLETE;
    $env:_HOOK_COMPLETE = "powershell";

    $args = $commandAst.Extent.Text
    $args = $args.Substring(0, [math]::Min($cursorPosition, $args.Length));
    if ($wordToComplete -eq "") {
        $args += " ''";
    }

    $results = Invoke-Expression @"
& hook -- $args
"@;
    if ($null -eq $prev) {
        Remove-Item Env:\_HOOK_COMPLETE;
    } else {
        $env:_HOOK_COMPLETE = $prev;
    }
    $results | ForEach-Object {
        $split = $_.Split("`t");
        $cmd = $split[0];

        if ($split.Length -eq 2) {
            $help = $split[1];
        }
        else {
            $help = $split[0];
        }

        [System.Management.Automation.CompletionResult]::new($cmd, $cmd, 'ParameterValue', $help)
    }
};
