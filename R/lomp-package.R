#' lomp: parallel lapply on one machine with little memory
#'
#' Many large objects in one session, analysed on all cores, without a copy per worker. [lomp_map()]
#' is a parallel [lapply()] whose workers are forked from the session: they share its data
#' copy-on-write, nothing is sent to them, and a wrong, crashed or slow item is named.
#' [lomp_vapply()] is the same of [vapply()], [lomp_iterate()] gives results as they come, and
#' [lomp_ready()] tells event loops of them.
#' `vignette("many-large-images", "lomp")` goes through all of it with photographs, and
#' `vignette("how-lomp-works", "lomp")` through the package's inside. `vignette("idioms", "lomp")`
#' has what people ask for: two lists at once, cross-validation, retries, early stops, progress.
#' `vignette("coming-from", "lomp")` says what to write instead of what other packages have, and
#' `vignette("machines", "lomp")` how the same calls run on several machines.
#'
#' @section In other packages:
#' lomp is for Unix alone. A package that supports Windows as well has it in `Suggests`, and one
#' function that is [lapply()] where lomp isn't installed: `map_items()` in the example package
#' `system.file("examples/picturestats", package = "lomp")`, which passes `R CMD check` with and
#' without lomp.
#'
#' C++ code can have workers without R: `LinkingTo: lomp` and `#include <lomp.hpp>` give it a pool
#' of forked processes, documented in `system.file("include/lomp/README.md", package = "lomp")`. The
#' example package `bootmedian`, and the program `cpp/word_counts.cpp`, are beside `picturestats`.
#'
#' @keywords internal
#' @useDynLib lomp, .registration = TRUE
#' @importFrom Rcpp evalCpp
"_PACKAGE"

# What the package remembers between calls: how deep calls are nested, the last failure, what
# lomp_report() tells of, the last function that was compiled, whether there is no package otel, the
# ids of checkpoints that this session has written, and which streams of numbers iterators hold.
the <- new.env(parent = emptyenv())
the$depth <- 0L
the$last <- NULL
the$traced <- NULL
the$base <- 0L
the$uncompiled <- NULL
the$compiled <- NULL
the$lacks_otel <- FALSE
the$written <- character()
the$holds <- NULL
the$process <- new.env(parent = emptyenv())  # no copy of it that was saved and read is the same

.onLoad <- function(libname, pkgname) {
  warm_worker()
  register_with_future()
}
