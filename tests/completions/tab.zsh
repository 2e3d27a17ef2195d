# Types into a program that runs in a terminal: `zsh -f tab.zsh PROGRAM [KEYS PATTERN]...`. After each KEYS it waits until
# what came since matches the pattern. Prints everything that came after the first pattern.

zmodload zsh/zpty zsh/zselect || exit 3
# Without the echo that a terminal has, bash shows no line.
zpty -be typist $1
integer fd=$REPLY first=1
shift
for keys pattern; do
    [[ -z $keys ]] || zpty -w -n typist $keys
    out=
    until [[ $out == *${~pattern}* ]]; do
        # Hundredths of a second: only a hang is ended by it.
        if ! zselect -t 3000 -r $fd || ! zpty -r typist chunk; then
            print -r -- "no $pattern after ${(q+)keys}, but: $out"
            exit 4
        fi
        out+=$chunk
    done
    ((first)) || print -rn -- $out
    first=0
done
