# Completions of hook, written by `hook completions bash`.
_hook() {
    # Bash takes words apart at `:`, `=` and `@`, which stand in the middle of many values. The program completes whole
    # words, so they are put together again, up to the cursor.
    local line=${COMP_LINE:0:COMP_POINT} words=() last=-1 piece rest i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        piece=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || piece=$rest
        if ((last < 0)) || [[ $rest != "$line" ]]; then
            words[++last]=$piece
        else
            words[last]+=$piece
        fi
        line=${rest#"$piece"}
    done

    # What stands before the piece that bash is going to replace must not come again. An open quote stays open.
    local quote=
    [[ ${words[last]} != [\"\']* ]] || quote=${words[last]:0:1}
    words[last]=${words[last]#"$quote"}
    local kept=${words[last]%"${2#"$quote"}"} candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        candidate=${candidate#"$kept"}
        [[ -n $quote ]] || printf -v candidate %q "$candidate"
        COMPREPLY+=("$candidate")
    done < <(_HOOK_COMPLETE=bash hook -- "${words[@]}" 2>/dev/null)

    # More is to be typed after these.
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[=:/@] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -o bashdefault -o nosort -F _hook hook 2>/dev/null || complete -o bashdefault -F _hook hook
