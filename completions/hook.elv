# Completions of hook, written by `hook completions elvish`.
set edit:completion:arg-completer[hook] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) _HOOK_COMPLETE="elvish" hook -- $@words) | to-lines
}
