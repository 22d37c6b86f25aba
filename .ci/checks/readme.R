# Runs the R code of README.md from its beginning to its end, as a user types it into a fresh
# session. An error or a warning must be one that a comment behind the code shows, by its first line.

r_code <- function(file) {
  lines <- readLines(file)
  fences <- grep("^```", lines)
  begins <- which(lines[fences] == "```r")
  unlist(lapply(begins, function(k) lines[seq(fences[[k]] + 1, fences[[k + 1]] - 1)]))
}

first_line <- function(cnd, kind) {
  paste0(kind, ": ", strsplit(conditionMessage(cnd), "\n")[[1]][[1]])
}

# What an expression says, typed at the prompt: the first lines of its warnings and its error.
said_by <- function(expression) {
  said <- character()
  tryCatch(
    withCallingHandlers(utils::capture.output({
      value <- withVisible(eval(expression, globalenv()))
      if (value$visible) print(value$value)
    }), warning = function(cnd) {
      said <<- c(said, first_line(cnd, "Warning"))
      tryInvokeRestart("muffleWarning")
    }),
    error = function(cnd) said <<- c(said, first_line(cnd, "Error"))
  )
  said
}

check_readme <- function(file) {
  code <- r_code(file)
  parsed <- parse(text = code, keep.source = TRUE)
  next_line <- vapply(attr(parsed, "srcref"), function(ref) ref[[3]], 0L) + 1L
  comments <- code[next_line]
  told <- ifelse(grepl("^#> (Error|Warning): ", comments), sub("^#> ", "", comments), "")
  wrong <- 0
  for (k in seq_along(parsed)) {
    said <- paste(said_by(parsed[[k]]), collapse = "; ")
    if (identical(said, told[[k]])) next
    wrong <- wrong + 1
    cat("> ", deparse(parsed[[k]], nlines = 1), "\nsays: ", said, "\ntold: ", told[[k]], "\n",
        sep = "")
  }
  cat(length(parsed), "expressions,", wrong, "of them not as README.md has it\n")
  wrong == 0 && length(parsed) > 10
}

quit(status = !check_readme(commandArgs(TRUE)[1]))
