#' The machines of a compute profile
#'
#' Asks the daemons of a compute profile of the package mirai, on which [lomp_map()],
#' [lomp_vapply()] and [lomp_iterate()] run with `.compute`, what they are: each of them runs items
#' in workers of its own.
#'
#' What a call's items need (`.f`, what it uses of its environments, and `...`) goes to each daemon
#' once, and is kept there for later calls of the same. The option `lomp.kept_bytes` of a daemon
#' says how many bytes of this there may be (4 GiB if unset; what wasn't used for longest goes
#' first), and `forget = TRUE` has daemons drop all of it.
#'
#' @param compute The name of a compute profile whose daemons have been set, by `mirai::daemons()`.
#' @param forget `TRUE` has the daemons forget what they keep.
#'
#' @return A data frame with a row for each daemon that has answered: `host`, `pid`, `workers` (how
#'   many it has by itself), `lomp` and `R` (their versions; `NA` without lomp), `kept` (bytes of
#'   what is kept there for later calls), and `problem`, which tells why a call can't use it, or is
#'   `NA`.
#' @seealso [lomp_map()], whose section on machines tells how calls run there;
#'   `vignette("machines", "lomp")`.
#' @export
#' @examplesIf requireNamespace("mirai", quietly = TRUE)
#' mirai::daemons(1, .compute = "example")
#' lomp_machines("example")
#' lomp_map(1:3, function(i) i^2, .compute = "example")
#' mirai::daemons(0, .compute = "example")
lomp_machines <- function(compute = "default", forget = FALSE) {
  check_compute(compute, "compute")
  check_flag(forget, "forget")
  await_machines(compute)
  net <- list(profile = compute, timeout = machine_timeout())
  step <- list(lomp = own_version(), kind = "look", seconds = 0, open = names(the$open),
               forget = forget)
  table_of_machines(send_to_all(net, step, new_call(goes_on = FALSE)))
}

table_of_machines <- function(answers) {
  column <- function(field, none) {
    vapply(answers, function(answer) if (is.null(answer[[field]])) none else answer[[field]], none)
  }
  problems <- lapply(answers, function(answer) {
    list(text = if (!is.null(answer$problem)) problem_of(answer))
  })
  data.frame(
    host = column("host", ""), pid = column("pid", NA_integer_),
    workers = column("workers", NA_integer_), lomp = column("lomp", NA_character_),
    R = column("R", NA_character_), kept = column("kept", NA_real_),
    problem = vapply(problems, function(p) if (is.null(p$text)) NA_character_ else p$text, ""),
    stringsAsFactors = FALSE
  )
}
