# Completions of hook, written by `hook completions fish`.
complete --keep-order --exclusive --command hook --arguments "(_HOOK_COMPLETE=fish hook -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
