# Bars, and what is drawn.

# A bar that appears at once, drawn over one line.
local_bar <- function(dynamic = TRUE, frame = parent.frame()) {
  skip_if_not_installed("cli")
  old <- the$bar_delay
  assign("bar_delay", 0, envir = the)
  withr::defer(assign("bar_delay", old, envir = the), frame)
  withr::local_options(cli.dynamic = dynamic, cli.width = 70, .local_envir = frame)
}

# What is written to standard error.
errors_of <- function(code) {
  file <- tempfile()
  connection <- file(file, open = "wb")
  sink(connection, type = "message")
  tryCatch(code, finally = {
    sink(type = "message")
    close(connection)
  })
  text <- readChar(file, file.size(file), useBytes = TRUE)
  unlink(file)
  text
}
