# What this process finds out about R's garbage collector for its workers.

# Collects recent garbage, and gives what gc() does, with the number of such collections so far,
# those by R itself included; NA where R doesn't tell. R tells it only in a message.
observe_collections <- function() {
  suspendInterrupts({
    report <- textConnection(NULL, "w", local = TRUE)
    on.exit(close(report))
    use <- report_to(report, gc(verbose = TRUE, full = FALSE))
    structure(use, young = count_young(textConnectionValue(report)))
  })
}

# The value of code whose messages go to a connection.
report_to <- function(connection, value) {
  before <- sink.number(type = "message")
  on.exit(sink(if (before != 2L) getConnection(before), type = "message"))
  sink(connection, type = "message")
  value
}

# "Garbage collection 31 = 20+4+7 (level 0) ... ": of young objects, of older ones too, of all.
count_young <- function(report) {
  form <- "^Garbage collection [0-9]+ = ([0-9]+)[+].*"
  line <- grep(form, report, value = TRUE)
  if (length(line) == 0L) NA_integer_ else as.integer(sub(form, "\\1", line[[1L]]))
}
