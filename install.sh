#!/bin/sh
# Installs hook from a checkout under a prefix, and removes it again. No root, no network other than cargo's.
#
# Everything is planned and checked before the first byte is written. The manifest is written before the files
# that it lists, so an installation that was interrupted can be repeated or removed.

# Some functions are called by name, through `each_file`:
# shellcheck disable=SC2317,SC2329

set -eu
umask 022

usage() {
    cat <<'EOF'
Install hook from this checkout: the program, its man pages and its shell completions.

Usage: ./install.sh [--prefix DIR] [--binary PATH] [--dry-run]
       ./install.sh --uninstall [--prefix DIR] [--dry-run]

Options:
  --prefix DIR    where to install (default: $HOME/.local)
  --binary PATH   install this program instead of building one with cargo
  --uninstall     remove what an earlier run installed under the prefix, and nothing else
  --dry-run       say what would be done and change nothing
  --help          print this text

Exit codes: 0 done, 1 failed, 2 wrong use.
EOF
}

say() {
    printf '%s\n' "$1"
}

fail() {
    printf 'error: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then
        printf 'hint: %s\n' "$2" >&2
    fi
    exit 1
}

wrong_use() {
    printf 'error: %s\nhint: ./install.sh --help\n' "$1" >&2
    exit 2
}

# --- the command line ------------------------------------------------------------------------------------------

read_arguments() {
    prefix=
    binary=
    action=install
    dry_run=false
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix | --binary)
                [ $# -gt 1 ] || wrong_use "\`$1\` needs a value"
                set_option "$1" "$2"
                shift
                ;;
            --prefix=* | --binary=*) set_option "${1%%=*}" "${1#*=}" ;;
            --uninstall) action=uninstall ;;
            --dry-run) dry_run=true ;;
            --help | -h)
                usage
                exit 0
                ;;
            *) wrong_use "unknown argument \`$1\`" ;;
        esac
        shift
    done
    if [ "$action" = uninstall ] && [ -n "$binary" ]; then
        wrong_use "\`--binary\` has no meaning with \`--uninstall\`"
    fi
    if [ -z "$prefix" ]; then
        [ -n "${HOME:-}" ] || wrong_use "\`HOME\` is not set, so \`--prefix DIR\` is needed"
        prefix=$HOME/.local
    fi
    prefix=$(absolute "$prefix")
    if [ -n "$binary" ]; then
        binary=$(absolute "$binary")
    fi
}

set_option() {
    [ -n "$2" ] || wrong_use "\`$1\` needs a value that is not empty"
    case $1 in
        --prefix) prefix=$2 ;;
        --binary) binary=$2 ;;
    esac
}

# A path without a trailing slash; `/` becomes the empty string, so that "$prefix/bin" is right for it too.
absolute() {
    case $1 in
        /*) path=$1 ;;
        *) path=$PWD/$1 ;;
    esac
    while [ "$path" != "${path%/}" ]; do
        path=${path%/}
    done
    printf '%s\n' "$path"
}

# --- what is installed where -----------------------------------------------------------------------------------

# Calls `$1 SOURCE DESTINATION MODE` for each file; destinations are relative to the prefix.
each_file() {
    "$1" "$binary" bin/hook 755
    for page in "$root"/docs/man/hook*.1; do
        "$1" "$page" "share/man/man1/${page##*/}" 644
    done
    "$1" "$root/completions/hook.bash" share/bash-completion/completions/hook 644
    "$1" "$root/completions/_hook" share/zsh/site-functions/_hook 644
    "$1" "$root/completions/hook.fish" share/fish/vendor_completions.d/hook.fish 644
    "$1" "$root/completions/hook.elv" share/elvish/lib/hook.elv 644
    "$1" "$root/completions/_hook.ps1" share/powershell/_hook.ps1 644
}

# Prints each folder above the relative path $1, outermost first; `.` is the prefix itself.
folders_above() {
    say .
    rest=$1
    folder=
    while [ "$rest" != "${rest#*/}" ]; do
        folder=${folder:+$folder/}${rest%%/*}
        rest=${rest#*/}
        say "$folder"
    done
}

# Prints the manifest's entries of one kind, `file` or `dir`; nothing when there is no manifest.
manifest_entries() {
    if [ -f "$manifest" ]; then
        sed -n "s/^$1 //p" "$manifest"
    fi
}

# Is $2 one of the lines of $1?
has_line() {
    case "
$1
" in
        *"
$2
"*) return 0 ;;
    esac
    return 1
}

load_manifest() {
    owned_files=$(manifest_entries file)
    owned_folders=$(manifest_entries dir)
    # An entry that leads out of the prefix, or that no version of this script writes, is not acted on.
    bad=$(printf '%s\n%s\n' "$owned_files" "$owned_folders" | grep -E '^/|(^|/)\.\.(/|$)|[^[:alnum:]._/-]' || true)
    [ -z "$bad" ] || fail "\`$manifest\` is damaged: \`$bad\` is not a path that install.sh writes"
}

# --- checks before anything is written -------------------------------------------------------------------------

check_source() {
    [ -f "$1" ] || fail "\`$1\` is missing" "\`just generate\` makes the completions and man pages"
    [ -r "$1" ] || fail "no permission to read \`$1\`"
}

check_binary() {
    [ -f "$binary" ] || fail "\`$binary\` is not a file" "pass the path of a built program with --binary PATH"
    [ -x "$binary" ] || fail "\`$binary\` is not executable"
    version=$("$binary" --version </dev/null) || fail "\`$binary --version\` does not run on this machine"
}

# Adds one file, and the folders that are not there yet, to the plan.
plan_file() {
    target=$prefix/$2
    if [ -d "$target" ]; then
        fail "\`$target\` is a folder" "$place_hint"
    fi
    if [ -e "$target" ] || [ -L "$target" ]; then
        has_line "$owned_files" "$2" || fail "\`$target\` exists and was not installed by this script" \
            "remove it, or $place_hint"
    fi
    planned_files="$planned_files
$2"
    plan_folders "$2"
}

plan_folders() {
    for folder in $(folders_above "$1"); do
        if [ ! -d "$prefix/$folder" ] && ! has_line "$planned_folders" "$folder"; then
            planned_folders="$planned_folders
$folder"
        fi
    done
    check_writable "$prefix/${1%/*}"
}

# The nearest folder above that exists must let entries come and go.
check_writable() {
    place=$1
    while [ ! -e "$place" ] && [ ! -L "$place" ] && [ -n "$place" ]; do
        place=${place%/*}
    done
    place=${place:-/}
    [ -d "$place" ] || fail "\`$place\` is not a folder" "$place_hint"
    if [ ! -w "$place" ] || [ ! -x "$place" ]; then
        fail "no permission to write in \`$place\`" "$place_hint"
    fi
}

# --- install ---------------------------------------------------------------------------------------------------

install_hook() {
    place_hint="choose another place with --prefix DIR"
    if [ ! -f "$root/Cargo.toml" ] || [ ! -d "$root/completions" ]; then
        fail "\`$root\` is not a checkout of hook" "run install.sh from the checkout that it belongs to"
    fi
    build=false
    if [ -z "$binary" ]; then
        build=true
        binary=$(built_binary)
    fi
    load_manifest
    make_plan
    if $dry_run; then
        describe_install
        return
    fi
    if $build; then
        build_binary
    fi
    check_binary
    write_everything
    say ""
    say "Installed $version under ${prefix:-/}."
    say "To remove it: ./install.sh --uninstall --prefix $(quoted "${prefix:-/}")"
    advise
}

make_plan() {
    planned_files=
    planned_folders=$owned_folders
    each_file check_planned_source
    each_file plan_file
    plan_folders "$manifest_name"
}

# The program itself is checked after it is built.
check_planned_source() {
    if [ "$1" != "$binary" ]; then
        check_source "$1"
    fi
}

describe_install() {
    if $build; then
        say "would build $binary"
    fi
    for file in $planned_files $manifest_name; do
        say "would write $prefix/$file"
    done
    for file in $(stale_files); do
        say "would remove $prefix/$file"
    done
}

built_binary() {
    case ${CARGO_TARGET_DIR:-target} in
        /*) say "$CARGO_TARGET_DIR/dist/hook" ;;
        *) say "$root/${CARGO_TARGET_DIR:-target}/dist/hook" ;;
    esac
}

build_binary() {
    has_command cargo || fail "\`cargo\` is not on the PATH" \
        "install Rust from https://rustup.rs, or pass a built program with --binary PATH"
    (cd -- "$root" && cargo build --profile dist --locked --bin hook --target-dir "${binary%/dist/hook}") ||
        fail "\`cargo build\` failed; nothing was installed"
}

write_everything() {
    temporary=
    trap 'interrupted' EXIT
    trap 'exit 1' HUP INT TERM
    make_folder "" "$manifest_name" ""
    write_manifest
    each_file make_folder
    each_file copy_file
    for file in $(stale_files); do
        rm -f -- "$prefix/$file"
        say "removed $prefix/$file"
    done
    write_manifest
    say "wrote $manifest"
    trap - EXIT HUP INT TERM
}

interrupted() {
    rm -f -- ${temporary:+"$temporary"}
    fail "the installation under \`${prefix:-/}\` is not complete" \
        "run it again, or remove what was written with --uninstall"
}

make_folder() {
    mkdir -p -- "$prefix/${2%/*}"
}

write_manifest() {
    temporary=$manifest.new.$$
    {
        say "# Written by install.sh of hook, which reads it to uninstall. Paths are relative to the prefix."
        for folder in $planned_folders; do
            say "dir $folder"
        done
        for file in $planned_files; do
            say "file $file"
        done
        # Listed until they are gone: an interrupted run leaves nothing behind without an owner.
        for file in $(stale_files); do
            say "file $file"
        done
    } >"$temporary"
    mv -f -- "$temporary" "$manifest"
    temporary=
}

# What an earlier version installed, this one does not, and is still there.
stale_files() {
    for file in $owned_files; do
        if [ -e "$prefix/$file" ] && ! has_line "$planned_files" "$file"; then
            say "$file"
        fi
    done
}

# Renamed into place: a running hook keeps its file, and no half-written file is ever seen.
copy_file() {
    temporary=$prefix/$2.new.$$
    cp -- "$1" "$temporary"
    chmod "$3" "$temporary"
    mv -f -- "$temporary" "$prefix/$2"
    temporary=
    say "wrote $prefix/$2"
}

# --- advice ----------------------------------------------------------------------------------------------------

# $1 in single quotes, as sh, bash, zsh and fish read it.
quoted() {
    printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"
}

# $1 in single quotes, as elvish and PowerShell read it.
quoted_twice() {
    printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/'/''/g")"
}

# Is the folder $2 in the colon-separated list $1?
in_path() {
    case ":$1:" in
        *":$2:"*) return 0 ;;
    esac
    return 1
}

advise() {
    share=$prefix/share
    if ! in_path "${PATH:-}" "$prefix/bin"; then
        note "\`hook\` is not on your PATH yet. Add this line to your shell's start-up file:" \
            "export PATH=$(quoted "$prefix/bin"):\"\$PATH\""
    fi
    if [ -n "${MANPATH:-}" ] && ! in_path "$MANPATH" "$share/man"; then
        note "Your MANPATH does not include the man page. Add this line to your shell's start-up file:" \
            "export MANPATH=$(quoted "$share/man"):\"\$MANPATH\""
    fi
    advise_shells
}

advise_shells() {
    if has_command bash && ! in_data_path; then
        note "bash completion: add this line to ~/.bashrc:" ". $(quoted "$share/bash-completion/completions/hook")"
    fi
    if has_command zsh && ! in_zsh_path; then
        note "zsh completion: add this line to ~/.zshrc, before \`compinit\` is called, unless it is there already:" \
            "fpath=($(quoted "$share/zsh/site-functions") \$fpath)"
    fi
    if has_command fish && ! in_data_path; then
        note "fish completion: add this line to ~/.config/fish/config.fish:" \
            "source $(quoted "$share/fish/vendor_completions.d/hook.fish")"
    fi
    if has_command elvish; then
        note "elvish completion: add this line to ~/.config/elvish/rc.elv:" \
            "eval (slurp < $(quoted_twice "$share/elvish/lib/hook.elv"))"
    fi
    if has_command pwsh; then
        note "PowerShell completion: add this line to your profile:" \
            ". $(quoted_twice "$share/powershell/_hook.ps1")"
    fi
}

has_command() {
    command -v "$1" >/dev/null 2>&1
}

note() {
    say ""
    say "$1"
    say "    $2"
}

# bash-completion and fish look below these folders by themselves.
in_data_path() {
    in_path "${XDG_DATA_HOME:-${HOME:-}/.local/share}:${XDG_DATA_DIRS:-/usr/local/share:/usr/share}" "$share"
}

# Only what zsh starts with is known here; what ~/.zshrc adds is not.
in_zsh_path() {
    # shellcheck disable=SC2016 # zsh expands this, not sh
    found=$(zsh -fc 'print -rl -- $fpath' 2>/dev/null </dev/null) || return 1
    has_line "$found" "$share/zsh/site-functions"
}

# --- uninstall -------------------------------------------------------------------------------------------------

uninstall_hook() {
    place_hint="run it as the user who installed it"
    [ -f "$manifest" ] || fail "hook is not installed under \`${prefix:-/}\`: there is no \`$manifest\`" \
        "name the place it was installed in with --prefix DIR"
    load_manifest
    for file in $owned_files $manifest_name; do
        if [ -e "$prefix/$file" ]; then
            check_writable "$prefix/${file%/*}"
        fi
    done
    # The manifest goes last of the files: until then the rest can still be found.
    for file in $owned_files $manifest_name; do
        remove_file "$prefix/$file"
    done
    if $dry_run; then
        return
    fi
    remove_empty_folders
    say ""
    say "Removed hook from ${prefix:-/}. Its settings, secrets and ledger were left alone."
}

remove_file() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then
        return
    fi
    if $dry_run; then
        say "would remove $1"
    else
        rm -f -- "$1" || fail "cannot remove \`$1\`"
        say "removed $1"
    fi
}

# Only folders that the installation made, innermost first, and only when nobody else put something there.
remove_empty_folders() {
    for folder in $(printf '%s\n' "$owned_folders" | sort -r); do
        if [ "$folder" != . ] && rmdir -- "$prefix/$folder" 2>/dev/null; then
            say "removed $prefix/$folder"
        fi
    done
    if has_line "$owned_folders" . && rmdir -- "$prefix" 2>/dev/null; then
        say "removed $prefix"
    fi
}

# --- start -----------------------------------------------------------------------------------------------------

read_arguments "$@"
root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || fail "cannot find the folder of \`$0\`"
manifest_name=share/hook/install-manifest
manifest=$prefix/$manifest_name
case $action in
    install) install_hook ;;
    uninstall) uninstall_hook ;;
esac
