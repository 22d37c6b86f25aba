#' A backend for foreach
#'
#' After `registerDoLomp()` the loops of the package foreach, `foreach(...) %dopar% ...`, run on
#' lomp's workers, and with them what parallelizes by such loops: caret, glmnet's
#' `cv.glmnet(parallel = TRUE)`, plyr's `.parallel = TRUE`, BiocParallel's `DoparParam`, doRNG.
#' Their results are those of `%do%`. Needs the package foreach.
#'
#' @section What tasks see:
#' Workers are forked when the loop begins, and have all that the session has: `.export` and
#' `.noexport` have nothing to do. Packages in `.packages` that aren't attached are attached to the
#' session before the fork, and stay so after the loop, as under foreach's other backends that fork.
#' Each task is evaluated in an environment of its own, with the loop's variables, whose parent is
#' where the loop is written; what it assigns there isn't seen by others.
#'
#' Where all that a loop goes over are vectors and lists, their elements are neither copied nor
#' sent: workers look them up in the memory that they share. Other iterators are asked for a task's
#' elements when a worker can take them, so that an endless one may be ended by an error, and these
#' are sent; but an element of a list, of a loop that isn't within another one by `%:%`, is looked
#' up there, too.
#'
#' A loop within a task runs in its worker, without others, unless `.options.lomp` says how many
#' workers it is to have.
#'
#' @section Results:
#' They are combined as they come: in the order of tasks, or with `.inorder = FALSE` in the order
#' in which tasks end. While `.combine` takes its time, workers wait when what they have made takes
#' up more than the option `lomp.buffer`, so that a reduction needs little memory, however long the
#' loop. An error of `.combine`, or of an iterator, is an error of the loop. (Other backends print
#' an error of `.combine`, and return what there was until then.)
#'
#' @section Errors of tasks:
#' With `.errorhandling = "stop"` the loop ends at the first one, and all workers with it. The error
#' reads as those of other backends, `task 3 failed - "reason"`, and says where that was; it is a
#' `lomp_error`, as [lomp_map()] has it: with the fields `item`, the number of the task (of a nested
#' loop, among all of its tasks), `parent`, the original condition, and `calls`. With `"pass"` the
#' original condition is among the results, as under `%do%`, and with `"remove"` there is none.
#'
#' A crash of a worker (`lomp_crash`), and a task that takes longer than its `timeout`
#' (`lomp_timeout`), are errors of one task like others. With `"pass"` these conditions are among
#' the results.
#'
#' @section Random numbers:
#' [set.seed()] before a loop makes it reproducible, with the same numbers for any number of
#' workers, as in [lomp_map()]. `%dorng%` of the package doRNG gives what it gives under
#' [foreach::registerDoSEQ()], unless an iterator or `.combine` draws as well, and leaves the
#' generator as it does there.
#'
#' @section Options:
#' A loop's argument `.options.lomp` is a list that may have these elements, which are those of
#' [lomp_iterate()]: `workers`, `timeout`, `progress`, `checkpoint` and `redo`. Of nested loops that
#' of the outer one counts. Other names are an error.
#'
#' A `checkpoint` is for loops over vectors and lists. Once such a loop was killed, it goes on with
#'
#' \preformatted{
#' foreach(x = xs, .options.lomp = list(
#'   checkpoint = "fits", redo = if (file.exists("fits")) lomp_read("fits")
#' )) \%dopar\% fit(x)
#' }
#'
#' Results that the file has aren't computed again; they are combined first.
#'
#' @param workers The number of worker processes, as `.workers` in [lomp_map()]; with `0` all loops
#'   run in this process.
#'
#' @return `workers`, invisibly. From now on [foreach::getDoParWorkers()] tells it, `1` of `0`,
#'   and [foreach::getDoParName()] `"doLomp"`.
#' @seealso [lomp_iterate()], [lomp-options].
#' @export
#' @examplesIf requireNamespace("foreach", quietly = TRUE)
#' library(foreach)
#' registerDoLomp(2)
#' images <- replicate(8, matrix(runif(1e4), 100), simplify = FALSE)
#'
#' foreach(image = images, .combine = c) %dopar% max(image)
#'
#' # A sum that is made as results come, with a time limit for each task.
#' limit <- list(timeout = 60)
#' foreach(image = images, .combine = `+`, .inorder = FALSE, .options.lomp = limit) %dopar%
#'   (image[1:2, 1:3] > 0.5)
#'
#' failed <- tryCatch(foreach(x = list(1, "two", 3)) %dopar% sqrt(x), lomp_error = identity)
#' failed
#' failed$parent
#' registerDoSEQ()
registerDoLomp <- function(workers = lomp_workers()) { # nolint: object_name_linter.
  check_foreach()
  workers <- check_workers(workers, "workers")
  foreach::setDoPar(run_loop, list(workers = workers), describe_backend)
  invisible(workers)
}

check_foreach <- function(is_installed = requireNamespace("foreach", quietly = TRUE)) {
  if (!is_installed) stop_package("registerDoLomp()", "foreach")
}

# What foreach's getDoParWorkers() and the like ask for. Many divide by the number of workers.
describe_backend <- function(data, item) {
  switch(item,
    workers = max(1L, workers_of_loop(data)),
    name = "doLomp",
    version = as.character(utils::packageVersion("lomp"))
  )
}

# A loop within a task would multiply processes.
workers_of_loop <- function(data) if (in_worker()) 0L else data$workers
