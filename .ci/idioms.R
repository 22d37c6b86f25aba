# Makes the program inst/examples/idioms.R of the vignette "Idioms": its pieces of code under their
# names, so that they can be run, and are tested, without the page.
#
#   Rscript .ci/idioms.R         into inst/examples
#   Rscript .ci/idioms.R FILE    into another file

head_of_program <- c(
  "# Made by .ci/idioms.R of vignettes/idioms.Rmd, which says what each of these pieces is for:",
  "# change that. As a program they run one after another:",
  "#",
  "#   Rscript idioms.R"
)

# The page's own preparations are no idiom.
program_of <- function(page) {
  begins <- grep("^```[{]r ", page)
  ends <- vapply(begins, function(begin) begin + match("```", page[-seq_len(begin)]), 0)
  names <- sub("^```[{]r ([a-z-]+).*$", "\\1", page[begins])
  piece <- function(k) {
    c("", sprintf("## ---- %s ----", names[k]), page[seq(begins[k] + 1, ends[k] - 1)])
  }
  c(head_of_program, unlist(lapply(which(names != "setup"), piece)))
}

arguments <- commandArgs(TRUE)
file <- if (length(arguments) > 0) arguments[[1]] else "inst/examples/idioms.R"
program <- program_of(readLines("vignettes/idioms.Rmd", encoding = "UTF-8"))
writeLines(program, file, useBytes = TRUE)
