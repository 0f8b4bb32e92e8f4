#!/usr/bin/env bash
# Builds base and head, compares them, and says how that ended. The action's inputs come as variables:
# SCENARIO, TARGET, BASE, HEAD, BUILD, BASE_REF, BASE_COMMIT, DEFAULT_BRANCH, TIME, MARGINS, ARGUMENTS,
# STRICT, NAME, WSBENCH.
set -euo pipefail

fail() {
    echo "::error title=wsbench::$1"
    exit 2
}
say() { echo "$1=$2" >>"$GITHUB_OUTPUT"; }

out=${RUNNER_TEMP%/}/wsbench-$NAME
report=$out.md
base_folder=$out-base
: >"$report"
say out "$out"
say report "$report"
say exit-code 1

[ -n "$SCENARIO" ] || fail "the input scenario is empty"
[ "${GITHUB_EVENT_NAME-}" != pull_request_target ] ||
    fail "pull_request_target would run a fork's code with a token that can write: use pull_request"
base=${BASE:-$TARGET}
head=${HEAD:-$TARGET}
[ -n "$base" ] && [ -n "$head" ] || fail "give the input target, or both base and head"

commit=$BASE_COMMIT
if [ -z "$BASE" ]; then
    # A push that makes a branch has no commit before it.
    [[ $BASE_REF =~ [^0] ]] || BASE_REF=$DEFAULT_BRANCH
    [ -n "$BASE_REF" ] || fail "this event has no base: give the input base-ref"
    git fetch --quiet --no-tags --depth=1 origin "$BASE_REF"
    commit=$(git rev-parse FETCH_HEAD)
    rm -rf "$base_folder"
    git worktree prune
    git worktree add --quiet --force --detach "$base_folder" "$commit"
    [ ! -e "$base_folder/.gitmodules" ] ||
        git -C "$base_folder" submodule --quiet update --init --recursive --depth=1
fi
say base-commit "$commit"
say head-commit "$(git rev-parse HEAD 2>/dev/null || true)"

build() {
    echo "::group::build of $1"
    (cd "$2" && WSBENCH_SIDE=$1 bash -eo pipefail -c "$BUILD")
    echo "::endgroup::"
}
if [ -n "$BUILD" ]; then
    [ -n "$BASE" ] || build base "$base_folder"
    [ -n "$HEAD" ] || build head "$PWD"
fi
base=${base//'{dir}'/$base_folder}
head=${head//'{dir}'/$PWD}
base=${base//'{side}'/base}
head=${head//'{side}'/head}

arguments=(compare "$SCENARIO" --a "$base" --b "$head" --out "$out" --junit "$out/compare.xml")
[ -z "$TIME" ] || arguments+=(--time "$TIME")
[ "$STRICT" != true ] || arguments+=(--strict)
while IFS= read -r margin; do
    [ -z "${margin//[[:space:]]/}" ] || arguments+=(--margin "$margin")
done <<<"$MARGINS"
# One argument a line, so that none has to be quoted.
while IFS= read -r argument; do
    [ -z "$argument" ] || arguments+=("$argument")
done <<<"$ARGUMENTS"

code=0
# Its Markdown is for the comment too.
GITHUB_STEP_SUMMARY=$report "$WSBENCH" "${arguments[@]}" || code=$?
cat "$report" >>"$GITHUB_STEP_SUMMARY"
say exit-code "$code"
