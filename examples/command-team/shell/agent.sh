#!/bin/sh
# An agent in a few lines of shell: counts the files of a request's work directory.
set -eu
task=$(cat) # the task, as JSON; this agent needs none of it
[ -n "$task" ] || { echo "no task on stdin" >&2; exit 65; }
echo "{\"progress\": \"counting for $BETH_TASK_ID\"}" >&2
files=$(find . -type f | wc -l)
lines=$(find . -type f -exec cat {} + | wc -l)
echo "{\"summary\": \"$((files)) files, $((lines)) lines\", \"files\": $((files)), \"lines\": $((lines))}"
