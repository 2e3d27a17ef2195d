# `just` lists the recipes. None is needed to use hook: the README's two commands are plain cargo.

set positional-arguments

[private]
default:
    @just --list --unsorted

# Compile in debug mode.
build:
    cargo build --locked

# Run the tests; arguments go to cargo: `just test listen`.
test *args:
    cargo test --locked "$@"

# Check format, clippy and the shell scripts.
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    shellcheck install.sh .ci/run

# Everything that a change must pass.
ci:
    bash .ci/run

# Regenerate the completions, the man pages, the command-line reference and the snapshots; read the difference.
generate:
    UPDATE_GENERATED=1 INSTA_UPDATE=always cargo test --locked --test integration -- generated:: screens:: schemas::

# The long forms of the proofs that nothing is lost: kills, a rehearsal, memory, claims beside a million retries; arguments go to the
# test programs.
soak *args:
    HOOK_SOAK=1 cargo test --locked --lib -- postgres::tests::claims --nocapture --test-threads 1 "$@"
    HOOK_SOAK=1 cargo test --locked --test integration -- crash:: durable:: shared_store:: --nocapture --test-threads 1 "$@"

# Take the pictures of docs/inspector.md again, with the browser that `.ci/run` prepared.
screenshots folder="docs/images":
    cargo build --locked
    HOOK_TEST_BROWSER=$PWD/target/browser HOOK_TEST_CHROMIUM=$(command -v chromium) HOOK_TEST_BINARY=$PWD/target/debug/hook \
        HOOK_TEST_ROOT=$(mktemp -d) HOOK_TEST_PICTURES={{absolute_path(folder)}} node tests/inspector/page.mjs screenshots

# Measure against bare limits and peers: `just bench --quick --only once`.
bench *args:
    python3 bench/run "$@"

# Search for input that breaks hook: `just fuzz headers`, `just fuzz profile`; arguments go to cargo-fuzz.
fuzz target *args:
    cargo fuzz run --dev --sanitizer none "$@"

# Build and install; arguments go to the installer: `just install --prefix /opt/hook`.
install *args:
    sh install.sh "$@"

# Check licences, bans, sources and advisories of the dependencies, or some of these: `just deny bans licenses sources`.
deny *checks:
    cargo deny --locked check "$@"
