# What one does often. `just` lists it.

_list:
    @just --list

# The demo network: real sockets, keys and storage on this machine
demo *ARGS:
    cargo run --release -- {{ARGS}}

# All tests that this user may run; those that are left out say so
test:
    cargo test --workspace

# What some tests need beyond Rust and a C compiler, once per machine (root, Debian or Ubuntu)
ci-install:
    bash .ci/install

# What CI runs, as root
ci:
    bash .ci/run

# Formatting, lints, documentation
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licences, sources and bans of dependencies (offline)
deny:
    cargo deny check bans licenses sources

# Known vulnerabilities of dependencies (needs the RustSec database)
advisories:
    cargo deny check advisories

# What the network costs beside its references: prints a table and renews docs/performance.md (some minutes, idle machine)
bench *ARGS:
    cargo run --profile dist -p schleuse-bench -- {{ARGS}}

# One seed of the simulation again, with its trace
simulate SEED:
    SIMULATION_SEED={{SEED}} SIMULATION_TRACE=1 cargo test -p schleuse-tests --test simulation -- --nocapture

# Fuzz one target (needs cargo-fuzz and a C++ compiler); `just fuzz wire -max_total_time=150`. What it finds stays in target/fuzz
fuzz TARGET *ARGS:
    mkdir -p target/fuzz/corpus/{{TARGET}} target/fuzz/artifacts/{{TARGET}}
    cp Cargo.lock tests/fuzz/Cargo.lock
    cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none --target-dir target/fuzz {{TARGET}} \
        target/fuzz/corpus/{{TARGET}} tests/fuzz/corpus/{{TARGET}} -- \
        -artifact_prefix=target/fuzz/artifacts/{{TARGET}}/ -timeout=10 {{ARGS}}

# The example certificates anew
certs-example:
    cargo run --release -- pki example certs-example
