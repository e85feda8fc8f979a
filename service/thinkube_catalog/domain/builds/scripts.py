"""The scripts of the workflow's steps, for bash with git, awk and buildah beside it.

They are constant: what differs between projects reaches them as environment. Credentials are
handed to git as its configuration in the environment and to buildah on standard input, so they are
in no argument list, no URL and no file of the project.
"""

from __future__ import annotations

_CREDENTIALS = r"""set -euo pipefail
# Given to git in its environment: no URL and no file of the project holds them.
export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader
basic="$(printf '%s:%s' "$GIT_USER" "$GIT_TOKEN" | base64 | tr -d '\n')"
export GIT_CONFIG_VALUE_0="Authorization: Basic $basic"
repository="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git"
"""

CHECK_OUT = (
    _CREDENTIALS
    + r"""git init --quiet .
git fetch --quiet --depth=1 "$repository" "$GITHUB_SHA"
git checkout --quiet --detach FETCH_HEAD
"""
)
"""Brings the files of the pushed commit."""

_LOG_IN = r"""set -euo pipefail
REGISTRY_AUTH_FILE="$(mktemp)"
export REGISTRY_AUTH_FILE
trap 'rm -f "$REGISTRY_AUTH_FILE"' EXIT
printf '{}' > "$REGISTRY_AUTH_FILE"
printf '%s' "$REGISTRY_TOKEN" |
  buildah login --username "$REGISTRY_USER" --password-stdin "${IMAGE%%/*}" > /dev/null
"""

BUILD = (
    _LOG_IN
    + r"""buildah build --layers --cache-from "$IMAGE/cache" --cache-to "$IMAGE/cache" \
  --retry 3 --retry-delay 10s --build-arg "CONTAINER_REGISTRY=${IMAGE%%/*}" \
  --label "org.opencontainers.image.revision=$GITHUB_SHA" \
  --tag "$IMAGE:$GITHUB_SHA" "./$FOLDER"
"""
)
"""Builds the image, with the layers of earlier builds that the registry keeps."""

TEST = (
    _LOG_IN
    + r"""container=""
tidy() {
  code=$?
  rm -f "$REGISTRY_AUTH_FILE"
  [ -z "$container" ] || buildah rm "$container" > /dev/null || true
  [ "$code" -eq 0 ] || buildah rmi "$IMAGE:$GITHUB_SHA" > /dev/null || true
}
trap tidy EXIT
container="$(buildah from --pull=false -- "${TEST_IMAGE:-$IMAGE:$GITHUB_SHA}")"
buildah copy --quiet "$container" "./$FOLDER" /project > /dev/null
buildah run --user 0:0 --workingdir /project --env HOME=/tmp \
  --env ADMIN_USERNAME=tkadmin --env ADMIN_PASSWORD=test \
  "$container" -- sh -c "$TEST_COMMAND"
"""
)
"""Runs the container's tests on the project's files, in its own image or in the one it names.

An image that fails them goes: a runner that lasts would keep every one of them.
"""

PUSH = (
    _LOG_IN
    + r"""tidy() {
  rm -f "$REGISTRY_AUTH_FILE"
  buildah rmi "$IMAGE:$GITHUB_SHA" > /dev/null || true
}
trap tidy EXIT
buildah push --retry 5 --retry-delay 10s "$IMAGE:$GITHUB_SHA"
"""
)
"""Pushes the image, which has passed its tests, and keeps none on the runner."""

COMMIT_TAGS = (
    _CREDENTIALS
    + r"""file=k8s/kustomization.yaml
export GIT_AUTHOR_NAME="$COMMITTER_NAME" GIT_AUTHOR_EMAIL="$COMMITTER_EMAIL"
export GIT_COMMITTER_NAME="$COMMITTER_NAME" GIT_COMMITTER_EMAIL="$COMMITTER_EMAIL"

# Prints the file with another tag for one image, or, without a tag, only the tag that it has.
read_or_put() {
  awk -v image="$1" -v tag="${2:-}" '
    function value(line) {
      sub(/^ *(- +)?[A-Za-z]+: */, "", line); sub(/ +#.*$/, "", line); gsub(/["\047 \r]/, "", line)
      return line
    }
    function flush(   place, mine, done, indent) {
      for (place = 1; place <= count; place++)
        if (lines[place] ~ /^ *(- +)?name:/ && value(lines[place]) == image) mine = 1
      for (place = 1; place <= count; place++) {
        if (mine && lines[place] ~ /^ *(- +)?(newTag|digest):/) {
          if (tag == "") print value(lines[place])
          if (done) continue
          done = sub(/(newTag|digest):.*/, "newTag: " tag, lines[place])
        }
        if (tag != "") print lines[place]
      }
      if (mine) found = 1
      if (mine && !done && tag != "") {
        indent = lines[1]; sub(/-.*/, "", indent); print indent "  newTag: " tag
      }
      count = 0
    }
    /^images: *$/ { inside = 1; if (tag != "") print; next }
    inside && /^[^ #-]/ { flush(); inside = 0 }
    inside && /^ *- / { flush() }
    inside { lines[++count] = $0; next }
    tag != "" { print }
    END { if (inside) flush(); exit !found }
  ' "$file"
}

# Says whether a later build of the same branch has put its own tag there.
is_newer() {
  case "$1" in *[!0-9a-f]*) return 1 ;; esac
  [ "${#1}" -eq 40 ] && [ "$1" != "$GITHUB_SHA" ] &&
    git merge-base --is-ancestor "$GITHUB_SHA" "$1" 2> /dev/null
}

tag="$GITHUB_SHA"
case "$tag" in [0-9]*) tag="\"$tag\"" ;; esac

git init --quiet .
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  git fetch --quiet "$repository" refs/heads/main
  git checkout --quiet --force --detach FETCH_HEAD
  for image in $IMAGES; do
    now="$(read_or_put "$image")" || { echo "$file names no image $image"; exit 1; }
    if is_newer "$now"; then
      echo "A later build has put $now there; its images stay."
      exit 0
    fi
    changed="$(read_or_put "$image" "$tag")"
    printf '%s\n' "$changed" > "$file"
  done
  if git diff --quiet -- "$file"; then
    echo "The tags are there already."
    exit 0
  fi
  git commit --quiet --message "Run the images built of ${GITHUB_SHA:0:12} $SKIP" -- "$file"
  if git push --quiet "$repository" HEAD:refs/heads/main; then
    echo "$file names $GITHUB_SHA now."
    exit 0
  fi
  echo "The branch has moved, or the forge is busy; trying again ($attempt of 10)."
  sleep "$((attempt * ${RETRY_SECONDS:-2}))"
done
echo "The tags could not be pushed."
exit 1
"""
)
"""Commits the new tags on top of whatever the branch holds by then."""
