# Amounts in words: seconds, bytes, shares and counts as they are read, not as they are computed.

# "12 ms", "3.1 s", "2 min 5 s": two digits of what is short, and as a bar has it else.
format_seconds <- function(seconds) {
  if (seconds <= 0) return("0 s")
  if (seconds < 1e-5) return("less than 0.01 ms")
  if (seconds < 0.00995) return(sprintf("%s ms", format(signif(1000 * seconds, 2))))
  if (seconds < 0.9995) return(sprintf("%.0f ms", 1000 * seconds))
  format_duration(seconds)
}

# "5 s", "2 min 5 s", "1 h 3 min"
format_duration <- function(seconds) {
  if (seconds < 10) return(sprintf("%.1f s", seconds))
  seconds <- round(seconds)
  if (seconds < 60) return(sprintf("%d s", as.integer(seconds)))
  minutes <- seconds %/% 60
  if (minutes < 60) return(sprintf("%d min %d s", as.integer(minutes), as.integer(seconds %% 60)))
  sprintf("%s h %d min", format_count(minutes %/% 60), as.integer(minutes %% 60))
}

byte_units <- c("kB", "MB", "GB", "TB", "PB")

# In powers of 1000: "512 bytes", "2.0 GB", "120 MB".
format_bytes <- function(bytes) {
  if (bytes < 999.5) return(count_of(round(bytes), "byte"))
  power <- floor(log10(bytes) / 3)
  if (bytes / 1000^power >= 999.5) power <- power + 1  # what would be read as 1000 of a unit
  power <- min(power, length(byte_units))
  number <- bytes / 1000^power
  sprintf(if (number < 9.95) "%.1f %s" else "%.0f %s", number, byte_units[[power]])
}

format_share <- function(share) {
  if (share > 0 && share < 0.01) "under 1%" else sprintf("%.0f%%", 100 * share)
}

format_count <- function(n) format(n, scientific = FALSE, trim = TRUE)

# "1 item", "3 items", "2 crashes"
count_of <- function(n, one, several = paste0(one, "s")) {
  paste(format_count(n), if (n == 1) one else several)
}

# "a", "a and b", "a, b and c"
in_a_row <- function(texts) {
  n <- length(texts)
  if (n < 2L) return(texts)
  paste(paste(texts[-n], collapse = ", "), "and", texts[[n]])
}

# Lines as wide as the console. The first one of each text begins with `first`, others with
# `indent`.
wrapped <- function(texts, first = "", indent = "  ") {
  width <- max(40L, getOption("width"))
  unlist(lapply(texts, strwrap, width, initial = first, prefix = indent))
}

is_known <- function(x) length(x) == 1L && !is.na(x)

has_text <- function(text) is_known(text) && nzchar(text)

# The greatest of what is known, NA if nothing is.
greatest <- function(x) {
  x <- x[!is.na(x)]
  if (length(x) > 0L) max(x) else NA_real_
}
