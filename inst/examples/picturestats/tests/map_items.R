# With lomp the helper uses its workers, and without lomp it is lapply(): by what is installed.
map_items <- picturestats:::map_items
pids <- function(...) unlist(map_items(1:4, function(i) Sys.getpid(), ...))
has_lomp <- requireNamespace("lomp", quietly = TRUE)
cat("lomp is", if (has_lomp) "there\n" else "not there\n")

stopifnot(
  identical(map_items(list(a = 1, b = 2), function(x, y) x + y, y = 10), list(a = 11, b = 12)),
  identical(map_items(list(), identity), list()),
  (Sys.getpid() %in% pids(workers = 2)) != has_lomp,
  all(pids(workers = 0) == Sys.getpid())
)

# An error of an item is an error of the call.
failed <- try(map_items(1:3, function(i) if (i == 2) stop("no such picture") else i), silent = TRUE)
stopifnot(inherits(failed, "try-error"), grepl("no such picture", failed))
