# Fails if a shared object imports something of R's that no list of R's API has: neither the manual
# "Writing R Extensions" nor the headers that it names. R >= 4.6 has these lists (package tools).

# The names that a shared object imports ("--undefined-only") or exports ("--defined-only").
symbols_of <- function(library, which) {
  lines <- system2("nm", c("-D", which, "--format=posix", shQuote(library)), stdout = TRUE)
  sub("[ @].*", "", lines)
}

# Without the prefix and the underscores that headers and Fortran compilers add.
plain <- function(names) sub("^Rf_", "", gsub("^_|_$", "", names))

api_names <- function() {
  tools <- asNamespace("tools")
  if (!exists("varAPI", tools)) return(NULL)
  c(tools$funAPI()$name, tools$varAPI()$name)
}

main <- function(library) {
  api <- api_names()
  if (is.null(api)) {
    cat("R", format(getRversion()), "has no lists of its API\n")
    return(0)
  }
  r_library <- file.path(R.home("lib"), "libR.so")
  imports <- intersect(symbols_of(library, "--undefined-only"),
                       symbols_of(r_library, "--defined-only"))
  if (length(imports) == 0L) stop("no symbols were found in ", library)
  bad <- imports[!plain(imports) %in% plain(trimws(api))]
  cat(length(imports), "names of R's are imported,", length(bad), "of them not API", bad, "\n")
  length(bad) > 0L
}

quit(status = main(commandArgs(TRUE)[1L]))
