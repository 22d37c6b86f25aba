# Makes the vignette "How lomp works" of ARCHITECTURE.md, so that its text has one source.
#
#   Rscript .ci/vignette.R           into vignettes/
#   Rscript .ci/vignette.R FOLDER    into another folder

head_of_vignette <- function(title) {
  c(
    "---",
    paste0("title: \"", title, "\""),
    "output: rmarkdown::html_vignette",
    "vignette: >",
    paste0("  %\\VignetteIndexEntry{", title, "}"),
    "  %\\VignetteEngine{knitr::rmarkdown}",
    "  %\\VignetteEncoding{UTF-8}",
    "---",
    "",
    "<!-- Made by .ci/vignette.R of ARCHITECTURE.md: change that. -->"
  )
}

# The title goes to the head, and the drawings are beside the vignette.
vignette_of <- function(paper) {
  is_title <- startsWith(paper, "# ")
  title <- sub("^# ", "", paper[is_title][[1]])
  c(head_of_vignette(title), gsub("](vignettes/", "](", paper[!is_title], fixed = TRUE))
}

arguments <- commandArgs(TRUE)
folder <- if (length(arguments) > 0) arguments[[1]] else "vignettes"
vignette <- vignette_of(readLines("ARCHITECTURE.md", encoding = "UTF-8"))
writeLines(vignette, file.path(folder, "how-lomp-works.Rmd"), useBytes = TRUE)
