#!/bin/sh
# Makes stand-ins for the two public base images, debian:trixie-slim and node:26-trixie-slim, on a machine that can reach Debian's
# packages and the npm registry but no container registry. `keelson setup` calls it there; elsewhere the real images are pulled and
# this is never run. The names are the real ones, so the Dockerfiles need not know the difference; the label keelson.dev/stand-in
# tells them apart. An image that is already there is left alone.
#
# Usage: make-base-images.sh <node binary, version 26>     needs: root, debootstrap, docker, npm
set -eu

node_binary=$1
mirror=${KEELSON_DEBIAN_MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d /tmp/keelson-base-images.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

if ! has_image debian:trixie-slim; then
  debootstrap --variant=minbase trixie "$work/debian" "$mirror" >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log" >&2
    exit 1
  }
  # What makes the public image "slim": no documentation, no translations, no package lists.
  for path in usr/share/doc usr/share/man usr/share/locale usr/share/info var/lib/apt/lists var/cache/apt/archives var/log; do
    find "$work/debian/$path" -mindepth 1 ! -name copyright -type f -delete
  done
  cat >"$work/debian/etc/dpkg/dpkg.cfg.d/slim" <<'DPKG'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/info/*
DPKG
  # The build machine's resolver is none of the image's business: Docker mounts its own.
  : >"$work/debian/etc/resolv.conf"
  tar -C "$work/debian" --numeric-owner -c . |
    docker import -c 'CMD ["bash"]' -c 'LABEL keelson.dev/stand-in=debootstrap' - debian:trixie-slim >/dev/null
fi

if ! has_image node:26-trixie-slim; then
  # npm from the registry carries all it depends on; the host's may be spread over the system by its distribution.
  mkdir -p "$work/node/bin" "$work/node/lib/node_modules/npm"
  archive=$(cd "$work" && npm pack --silent npm@11)
  tar -xzf "$work/$archive" --strip-components=1 -C "$work/node/lib/node_modules/npm"
  cp "$node_binary" "$work/node/bin/node"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/node/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$work/node/bin/npx"
  # Node's binary needs libstdc++ and, for TLS, nothing else: it carries the root certificates itself.
  cat >"$work/node/Dockerfile" <<'DOCKERFILE'
FROM debian:trixie-slim
RUN apt-get update && apt-get install --yes --no-install-recommends libstdc++6 libatomic1 && rm -rf /var/lib/apt/lists/*
COPY . /usr/local/
RUN rm /usr/local/Dockerfile && groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
LABEL keelson.dev/stand-in=npm
CMD ["node"]
DOCKERFILE
  DOCKER_BUILDKIT=0 docker build --quiet --tag node:26-trixie-slim "$work/node" >/dev/null
fi
