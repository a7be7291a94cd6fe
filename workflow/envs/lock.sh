# Rewrite the second half of requirements.txt: what its first half needs, as pip resolves it today.
set -eu
heading='# needed by those above'
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
sed "/^$heading/,\$d" requirements.txt > "$fresh/direct.txt"
"$PYTHON" -m venv "$fresh/venv"
"$fresh/venv/bin/pip" install --quiet --requirement "$fresh/direct.txt"
{
  cat "$fresh/direct.txt"
  echo "$heading"
  "$fresh/venv/bin/pip" freeze --all --exclude pip | sed 's/+cpu$//' |
    grep -v -x -i -F "$(sed -n 's/^\([A-Za-z][^ ]*==[^ ]*\).*/\1/p' "$fresh/direct.txt")"
} > "$fresh/requirements.txt"
cp "$fresh/requirements.txt" requirements.txt
