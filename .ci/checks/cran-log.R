# Reads a 00check.log and fails unless all its NOTEs are among the allowed ones, word by word.

allowed <- c(
  # A package that CRAN doesn't have is always announced as new, with its maintainer.
  "checking CRAN incoming feasibility ... NOTE\nMaintainer: [^\n]*\n+New submission",
  # What CRAN alone has: the tests do without it where it can't be had.
  paste0("checking package dependencies ... NOTE\nPackages? suggested but not available[^\n]*:",
         "([ \n,]+‘(coro|future|future[.]apply|future[.]tests|mirai|nanonext|otel)’)+"),
  # The time is asked for on the network.
  "checking for future file timestamps ... NOTE\nunable to verify current time"
)

# The log in blocks, one for each line that begins with a star, without the star and timings.
log_blocks <- function(lines) {
  blocks <- split(lines, cumsum(startsWith(lines, "* ")))
  text <- vapply(blocks, paste, "", collapse = "\n")
  trimws(gsub(" \\[[0-9ms/]+\\]", "", sub("^\\* ", "", text)))
}

is_allowed <- function(block) {
  any(vapply(allowed, function(rule) grepl(paste0("^", rule, "$"), block), NA))
}

lines <- readLines(commandArgs(TRUE)[1], encoding = "UTF-8")
blocks <- log_blocks(lines)
# Tests and examples put their verdict on a line of its own.
has_verdict <- grepl("(^|[ \n])(NOTE|WARNING|ERROR)(\n|$)", blocks)
findings <- blocks[has_verdict & !startsWith(blocks, "DONE")]
bad <- findings[!vapply(findings, is_allowed, NA)]
cat(length(findings), "findings,", length(bad), "of them not allowed\n")
if (length(bad)) cat("----\n", paste(bad, collapse = "\n----\n"), "\n", sep = "")
quit(status = length(bad) > 0)
