# Every command a person or CI runs. `just` lists them; the checks themselves are in .ci/run, which needs no `just`.

_list:
    @just --list --unsorted

# every test, or those whose name contains what is given: `just test canary`
test *NAME:
    cargo test --workspace {{NAME}}

# all checks, as CI runs them
ci:
    .ci/run

# the code, formatted
fmt:
    cargo fmt --all

# formatting and lints, as CI judges them
lint:
    .ci/run fmt lint

# licences and versions of what we depend on
deny:
    .ci/run deny

# crds/ anew from the types in crates/api
crds:
    SLUICE_WRITE_CRDS=1 cargo test --quiet --package tests --lib the_files_are_as_generated

# the generated files of charts/sluice anew: roles from the list of permissions, packed CRDs
chart:
    SLUICE_WRITE_CHART=1 cargo test --quiet --package tests --lib generated_files_are_as_the_code_says

# three stories on a cluster inside the process: `just demo --story 2`
demo *FLAGS:
    cargo run --release -- demo {{FLAGS}}

# clauses of the contract that no scenario shows
coverage-of-contract:
    cargo test --quiet --package tests --lib coverage_of_contract -- --nocapture

# random histories in the model ring, each played twice: `just swarm 200`
swarm N="200":
    SLUICE_SWARM={{N}} cargo test --package tests --lib swarm -- --nocapture

# the cluster ring, on a real Kubernetes control plane (needs Go once), or those of its tests whose name contains this
cluster NAME="cluster::":
    cargo test --package tests --lib -- --ignored --nocapture --test-threads 8 {{NAME}}

# what rollouts cost on a real control plane: `just bench --rollouts 200,1000 --against /another/controller`, `just bench --updates 50`
bench *FLAGS:
    cargo build --quiet --release --package sluice --bin sluice
    cargo run --quiet --package tests --bin bench -- {{FLAGS}}

# the answers in tests/parity anew from a real control plane
parity:
    SLUICE_WRITE_PARITY=1 cargo test --package tests --lib -- --ignored --nocapture parity::on_a_cluster::kubernetes

# a real Kubernetes control plane to play with, until Ctrl-C: `just cluster-up --slow`
cluster-up *FLAGS:
    cargo run --quiet --package tests --bin cluster -- up {{FLAGS}}

# users' traffic watched from outside while people do all they can think of: `just watchdog 100 300`
watchdog N="100" SECONDS="300":
    SLUICE_ROLLOUTS={{N}} SLUICE_SECONDS={{SECONDS}} cargo test --package tests --lib -- --ignored --nocapture users_are_served
