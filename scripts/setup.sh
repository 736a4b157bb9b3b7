# Sourced by demo and test: `need COMMAND PACKAGE` and `need_file FILE PACKAGE` collect what is
# missing, `install_missing` gets it through apt-get, or prints the line to run.

missing_packages=()

need() { command -v "$1" >/dev/null 2>&1 || missing_packages+=("$2"); }

need_file() { [ -e "$1" ] || missing_packages+=("$2"); }

install_missing() {
  [ ${#missing_packages[@]} -gt 0 ] || return 0
  local line="apt-get install -y --no-install-recommends ${missing_packages[*]}"
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing tools; as root, run:" >&2
    echo "  apt-get update && $line" >&2
    exit 2
  fi
  echo "installing: ${missing_packages[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive $line; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "could not install; as root, run: apt-get update && $line" >&2
    exit 2
  fi
  rm -f "$log"
}

# A virtual environment with the packages of a requirements file; made again when the file changes or
# the environment was moved, which its programs do not survive. Other interpreters than python3, and options of
# `venv`, follow the file.
need_venv() { # FOLDER REQUIREMENTS [PYTHON [OPTION ...]]
  cmp -s "$2" "$1/requirements.txt" && "$1/bin/pip" --version >/dev/null 2>&1 && return 0
  local log
  log=$(mktemp)
  echo "installing from PyPI: $(grep -v '^#' "$2" | tr '\n' ' ')"
  rm -rf "$1"
  if ! { "${3:-python3}" -m venv "${@:4}" "$1" && "$1/bin/pip" install -q -r "$2"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "could not install; by hand: ${3:-python3} -m venv ${*:4} $1 && $1/bin/pip install -r $2" >&2
    return 2
  fi
  cp "$2" "$1/requirements.txt"
  rm -f "$log"
}

need_rust() {
  command -v cargo >/dev/null 2>&1 && return 0
  echo "cargo was not found on PATH; install Rust 1.89 or newer: https://rustup.rs" >&2
  exit 2
}
