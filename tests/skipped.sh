#!/usr/bin/env bash
# skipped.sh FOLDER: which tests were skipped and why, by the reports that Surefire left in FOLDER.
set -euo pipefail

shopt -s nullglob
reports=("$1"/TEST-*.xml)
[ ${#reports[@]} -gt 0 ] || exit 0
awk '
  # The value of an attribute of the present line.
  function attribute(name, from) {
    from = index($0, " " name "=\"")
    return from ? substr($0, from + length(name) + 3, index(substr($0, from + length(name) + 3), "\"") - 1) : ""
  }
  /<testcase / { test = attribute("classname"); if (attribute("name") != "") test = test "." attribute("name") }
  /<skipped/ {
    reason = attribute("message")
    if (sub(/.*TestAbortedException: /, "")) reason = $0 # an assumption, with its stack below
    sub(/^Assumption failed: /, "", reason)
    gsub(/&gt;/, ">", reason); gsub(/&lt;/, "<", reason); gsub(/&quot;/, "\"", reason); gsub(/&amp;/, "\\&", reason)
    print "skipped: " test ": " reason
  }' "${reports[@]}"
