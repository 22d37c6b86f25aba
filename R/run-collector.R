# What this process finds out about R's garbage collector for its workers.

# Collects recent garbage, and gives what gc() does, with the number of collections that will do so
# before R looks at older objects, too, as an attribute `left`; NA where R doesn't tell, or there is
# no connection to be had. R tells it only in a message, and meanwhile tells it of each collection
# that there is: so it must go where no object of R's is made. `full`: all garbage, before that.
observe_collections <- function(full = FALSE) {
  suspendInterrupts({
    if (full) gc()
    report <- tryCatch(file("", "w+"), error = function(cnd) NULL)
    if (is.null(report)) return(structure(gc(full = FALSE), left = NA_integer_))
    on.exit(close(report))
    use <- report_to(report, gc(verbose = TRUE, full = FALSE))
    said <- readLines(report)
    is_report <- grepl("^Garbage collection |Mbytes of (cons cells|vectors) used", said)
    if (!all(is_report)) cat(said[!is_report], sep = "\n", file = stderr())  # by finalizers
    structure(use, left = young_left(said))
  })
}

# The value of code whose messages go to a connection.
report_to <- function(connection, value) {
  before <- sink.number(type = "message")
  on.exit({
    sink(type = "message")
    if (before != 2L) sink(getConnection(before), type = "message")
  })
  sink(connection, type = "message")
  value
}

# "Garbage collection 31 = 20+4+7 (level 0) ... ": of young objects, of older ones too, of all.
# After each twenty of the first kind comes one of the second (memory.c: LEVEL_0_FREQ). Collections
# that were begun as one of young objects, and went on for want of room, are counted as what they
# became, so that the next one of old objects may come earlier.
young_left <- function(report) {
  form <- "^Garbage collection [0-9]+ = ([0-9]+)[+].*[(]level ([0-9]).*"
  line <- grep(form, report, value = TRUE)
  if (length(line) == 0L) return(NA_integer_)
  young <- as.integer(sub(form, "\\1", line[[1L]])) %% 20L
  was_young <- sub(form, "\\2", line[[1L]]) == "0"
  if (young == 0L && was_young) 0L else 20L - young
}
