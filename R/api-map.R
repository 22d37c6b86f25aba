#' A parallel lapply
#'
#' Applies a function to each element of a vector or list, as [lapply()] does, with worker processes
#' that share this session's memory. The result is a list of the same length, order and names, and
#' [identical()] to what `lapply(.x, .f, ...)` gives, wherever that is identical to itself.
#' [lomp_vapply()] gives one vector or array instead of the list.
#'
#' @section What happens:
#' Workers are forked when the call begins and end with it. They see the session as it is at the
#' call: data, packages, options. Nothing is copied for them; memory is taken only for what a worker
#' changes. Items are dealt out as workers get free, and a worker that runs out of them takes over
#' half of what another still has to do.
#'
#' Results come back as copies. Logical, integer, double, complex and raw vectors of 128 KB and
#' more, wherever they are in a result's lists, travel in memory files: this process maps them, at
#' the same cost whatever their size, and they are ordinary vectors from then on. Large results of
#' another kind are read from such a file. Where there are no descriptors, mappings or files to be
#' had, results come through the worker's pipe, and are the same.
#'
#' As in [lapply()], `...` is passed to each call of `.f`, positional and named. These arguments are
#' evaluated once, in this process, before the first fork; one whose evaluation fails is left to
#' the items that use it, in which it is evaluated again, without R's warning that it is. All of
#' lomp's own arguments begin with a dot, so that `...` is free for `.f`; a name in `...` that looks
#' like a misspelt argument of lomp is an error. So is a name that other packages have for such an
#' argument (`mc.cores`, `BPPARAM`, `future.seed`, `timeout`) where `.f` can't take it. If it goes
#' into the dots of `.f` it is passed on, with a warning of class `lomp_argument_passed_on`.
#'
#' @section Items from a stream:
#' `.x` may also be a producer of items, so that data which don't fit into memory can pass through:
#' a generator of the package coro; a function that can be called without arguments, gives an item
#' each time, and [lomp_done()] at its end; or an object of the package iterators. It runs in this
#' process and is asked for an item when a worker can take one, those with nothing to do first. An
#' item goes out as soon as it is made, however long the next one takes. Each worker has one batch
#' of items in hand and one in store; where it is held up, another one with nothing to do gets what
#' it hasn't begun. Items travel like results, large vectors through memory files; where
#' they are large, this process' heap keeps up to 64 MB that were freed, for the next ones. The
#' result is a list without names. An error of the producer ends the call with a condition of class
#' `lomp_source_error`, whose `results` has what was finished. A producer with an argument `close`
#' is called with `close = TRUE` when the call is over.
#'
#' `NULL` is an item like any other. A producer that ends with `NULL`, as those of
#' `BiocParallel::bpiterate()` do, never ends here; this one does, for such a `produce()`:
#' `function() if (is.null(item <- produce())) lomp_done() else item`.
#'
#' @section What differs from lapply:
#' Environments and other reference objects in results are copies; items don't share them any more.
#' External pointers and connections in results arrive dead, which a warning of class
#' `lomp_dead_reference` says; its fields are `items` and `classes`, those of the objects that hold
#' the pointers. It isn't given for objects that make their pointers again or don't need them, as
#' far as lomp knows them; the option `lomp.harmless_pointers` tells of others (see [lomp-options]).
#' Assignments with `<<-` and other side effects stay in the worker.
#' [interactive()] is `FALSE` in a worker and its standard input is empty.
#' `parent.frame()` of `.f` is the frame of `lomp_map()`, and `parent.frame(2)` its caller.
#'
#' @section What workers inherit:
#' A worker begins with all that this session has, and what it does with that stays there. What the
#' session has open is unharmed by it:
#'
#' \tabular{ll}{
#' **open in the session** \tab **in a worker** \cr
#' network connections (curl, httr, \tab severed: clients connect again by themselves, as curl, \cr
#' databases, Redis, sockets, PSOCK \tab httr and RPostgres do, or their calls fail; none gets \cr
#' clusters), also by Unix sockets \tab answers to others. To be sure, connect in `.f`. \cr
#' servers (httpuv, plumber, shiny) \tab don't listen \cr
#' programs of processx, callr \tab can't be read from or written to \cr
#' graphics devices, knitr's too \tab draw nothing, and to close one ends nothing. Plots go \cr
#' \tab nowhere, unless `.f` opens a device, and closes it. \cr
#' sinks, [capture.output()] \tab get what items print, through the session \cr
#' the temporary folder \tab is the same, and stays when a worker ends \cr
#' exit handlers, `.Last` \tab don't run \cr
#' finalizers \tab don't run, but those that items register
#' }
#'
#' The option `lomp.keep_connections` (see [lomp-options]) lets workers share network connections.
#' These things are shared in any case:
#'
#' \tabular{ll}{
#' files open for writing \tab Lines of items come among the others. In compressed files \cr
#' \tab they are lost, and one that an item closes is damaged: \cr
#' \tab better return the text. \cr
#' files open for reading \tab What an item reads the session has read, too: better open \cr
#' \tab them in `.f`. \cr
#' database files (SQLite) \tab Items that read, wrote and closed did no harm in trials, \cr
#' \tab but SQLite doesn't allow it: better connect in `.f`. \cr
#' external pointers \tab to what is beyond the process in another way than by a \cr
#' \tab socket: shared memory, a graphics card
#' }
#'
#' @section What items leave behind:
#' Nothing that an item has started outlives the call, and what ends so isn't finished:
#'
#' \tabular{ll}{
#' background programs \tab are ended with the call, which [lapply()] wouldn't do. One \cr
#' (`wait = FALSE`, `&`) \tab that has left its worker's process group (`setsid`, processx, \cr
#' \tab `timeout` of [system()]) is found and ended as long as the \cr
#' \tab worker lives; it may survive a worker that others have killed. \cr
#' forked processes \tab are ended \cr
#' [on.exit()], `finally`, \tab aren't run where a worker is killed: by `.timeout`, an error \cr
#' finalizers \tab of another item with `"stop"`, an interrupt, a crash \cr
#' devices, connections \tab that an item opened and didn't close end with the worker: a \cr
#' \tab PDF or a compressed file is incomplete then \cr
#' files \tab stay, temporary ones as long as the session
#' }
#'
#' @section Random numbers:
#' [set.seed()] before the call makes it reproducible. Each item draws from a state of its own, so
#' the numbers are the same for any number of workers, `.workers = 0` included, however items are
#' dealt out, in a `.redo`, and on any version of R. They aren't those that [lapply()] would draw
#' from the caller's generator; but an item that calls [set.seed()] itself, as `simulate(seed = )`
#' and withr's `with_seed()` do, draws what it would draw there, since items run under the caller's
#' own kinds (see [RNGkind()]): of generators, of normal numbers and of samples.
#'
#' With "Mersenne-Twister", R's default, the 624 words with which an item begins are made from the
#' call's seed and the item's number. With "L'Ecuyer-CMRG" the first item begins with the call's
#' seed, and item `i + 1` where [parallel::nextRNGStream()] goes from item `i`. Items of callers
#' with a generator of another kind have "L'Ecuyer-CMRG", and the caller's kinds of normal numbers
#' and samples.
#'
#' The call's seed is a hash, of 128 bits, of the caller's `.Random.seed` and one draw, so that
#' successive and nested calls share nothing. The caller's generator advances by that draw if an
#' item drew or set a seed; else it stays as it was. A generator that the user supplies advances in
#' any case. What an item does to the generator, by [RNGkind()] for example, is over with the item.
#'
#' @section Random numbers of other generators:
#' Some packages have generators of their own (dqrng; C++ code with a `static std::mt19937`), of
#' which lomp knows nothing. Each worker has a copy of such a generator as it was in the session, so
#' that **items in different workers draw the same numbers**, and which ones depends on how items
#' are dealt out. Seed the generator in each item, from R's:
#'
#' \preformatted{
#' lomp_map(x, function(item) {
#'   dqrng::dqset.seed(sample.int(.Machine$integer.max, 1))
#'   ...
#' })
#' }
#'
#' Then the numbers are the same for any number of workers, too. (Of a million such seeds two are
#' the same some 200 times; dqrng takes a seed of two numbers as well.)
#'
#' @section Errors:
#' With `.on_error = "stop"` the first error in time ends the call: the other workers are ended at
#' once, and a condition of class `lomp_error` is thrown. Its fields are `item` (position), `name`
#' (or `NULL`), `parent` (the original condition), `calls` (the calls that led to it, as text) and
#' `results` (a list with all results that were finished, and a `lomp_error` in each other place).
#' At the prompt [lomp_last()] still has it, and `summary(lomp_last())` shows the calls (see
#' [lomp_error]). A cause whose message is very long is cut in the message of the `lomp_error`, so
#' that R shows that to its end; in `parent` it is whole.
#'
#' With `"collect"`, the call goes on, such conditions stand in the failed items' places, and one
#' warning of class `lomp_failed` names the items and the reason of the first. [lomp_ok()] tells
#' which elements are results.
#'
#' A worker that is killed, crashes, or calls [quit()] costs the one item that it was running: that
#' item's condition has the subclass `lomp_crash` and the fields `signal`, `status` and `pid`.
#' Results that the worker had finished are delivered, others do the rest of its work, and a new
#' worker takes its place. Where an item has closed or ruined the pipe of its worker's results, what
#' was running when that was noticed is run once more. The subclass `lomp_not_run` marks
#' items that an earlier stop left undone.
#'
#' An interrupt (Ctrl-C, the stop button) ends all workers and then the call, with a condition of
#' classes `lomp_interrupt` and `interrupt`, whose `results` has what was finished, as [lomp_last()]
#' has. With `.redo` a call goes on from there. Only where it interrupts a handler of the caller's
#' that is seeing to a condition is it R's own interrupt, without results.
#'
#' Whichever way a call is left (by a handler or a restart of the caller's, a time limit of the
#' session, `options(warn = 2)`, a progress function that jumps), what was finished until then is in
#' [lomp_last()]; and so it is in the field `results` of each warning that the call gives at its
#' end.
#' If a `.progress` function or a producer's `close()` fails, such a warning says so
#' (`lomp_progress_failed`, `lomp_close_failed`), beside the call's results or error.
#'
#' Arguments that make no sense are errors of class `lomp_argument_error`, with the field
#' `argument`. If the system refuses to fork, the call goes on with the workers it has and warns
#' (`lomp_fewer_workers`); without any, it fails (`lomp_fork_error`).
#'
#' @section Checkpoints:
#' For runs of hours. With `.checkpoint = "file"` each result goes into a new file as soon as it
#' comes, its bytes as the worker has sent them. When the session is killed, runs out of memory, or
#' the machine goes down, the same script goes on with what [lomp_read()] finds in the file:
#'
#' \preformatted{
#' set.seed(1)
#' fits <- lomp_map(x, fit, .redo = if (file.exists("fits")) lomp_read("fits"),
#'                  .checkpoint = "fits")
#' }
#'
#' The list that it returns is, bit for bit, the one that it would have returned, and what follows
#' draws the same random numbers, too, if the caller's generator is at the call what it was then:
#' after [set.seed()], that is. (In the same session, and in one that has no seed yet, the items go
#' on with the seed in the file, too, and the generator stays as it is.) Only what is no result is
#' run again: items that failed, that were underway, or not begun. What items printed and signalled
#' before doesn't come again. External pointers in results are dead, with `.workers = 0`, too, once
#' they are read from the file.
#'
#' The file is the call's: a `.redo` that was read from a file is refused, by a
#' `lomp_argument_error`, if its length or its names aren't those of `.x`; if `.x` is a character
#' vector and has other elements; if it is another function's ([lomp_vapply()], [lomp_iterate()]);
#' and, in another session, if its items have drawn random numbers from another seed than this
#' call's would be, since the caller has called [set.seed()] in another way, or drawn numbers. `.f`
#' itself may have changed, as in any `.redo`.
#'
#' A file that is there is never overwritten: it is appended to if `.redo` was read from it, else it
#' is an error of the call. With a `.redo` and a new file what was finished earlier is written into
#' that first, so that it is whole. The file stays when the call has ended. Nobody but its owner can
#' read it; two calls, of any process, can't append to the same one (where the file system has
#' locks); workers haven't got it.
#'
#' What has been appended survives the session, whatever ends it. The machine's own end it survives
#' once the system has written it to the disk: that is asked for when the file is made, and then as
#' often as it costs one percent of the call's time, a second later at the earliest. What a crash
#' tears off or spoils is found by checksums and run again. If the disk is full, or fails, the call
#' goes on without its checkpoint, and says so at its end by a warning of class
#' `lomp_checkpoint_failed`, whose field `file` has the file's name; what was in the file until then
#' stays. Where there is no room to make the file, with what was finished earlier, the call isn't
#' begun: that is a `lomp_argument_error`.
#'
#' @section Output, warnings and messages:
#' What an item writes to standard output, through R, by compiled code or by a program that it
#' starts, is written again by this process, line by line, so that [capture.output()], [sink()] and
#' documents see it. What compiled code or a program writes may come a little late. Standard error
#' is left alone.
#'
#' What an item signals (warnings, messages, conditions of any class) is signalled again in this
#' process, in the order of the item, with class, fields and text, and with the item's
#' position as the attribute `lomp_item`. So [withCallingHandlers()], [suppressWarnings()] and
#' `options(warn = 1)` around the call do what they do around [lapply()]. With `options(warn = 2)` a
#' warning is an error of its item. With `.workers = 0` conditions that are neither warnings nor
#' messages come without the attribute.
#'
#' By the time that a handler sees a condition of a worker's, the item has gone on. The restarts
#' that were established around the condition are there by their names, so that expectations of
#' testthat and the like work; but to take any of them means to go on after the signal, whatever it
#' does in the item. With `.workers = 0` they are the item's own.
#'
#' An error condition that leaves nothing, given to [signalCondition()], [warning()] or [message()],
#' is a condition like others: handlers see it, once, and the item goes on. An error that is thrown,
#' by [stop()], by R itself or by rlang's `abort()`, leaves its item where it is signalled; it isn't
#' signalled here, other than as the `parent` of the `lomp_error` that ends the call.
#'
#' What a condition's call holds itself, as after `do.call(f, list(data))`, travels only if it is
#' small. A vector of more than 1 KB, or an environment, is replaced by a name like
#' `<matrix 1000x2000>`, a function that has an environment of its own by its code, and what is
#' beyond 64 KB by `...`. The same goes for the calls of `parent` and of rlang's `trace`.
#'
#' At the console of an interactive session and in scripts at a terminal all of this comes live,
#' as items say it. Elsewhere it comes by item, as under [lapply()], and so alike in each run: in
#' documents of the package knitr, under [capture.output()] and other sinks, where a script's
#' output goes to a file or a pipe, and in calls within items. There, what an item says waits until
#' all items before it are over; the first one that isn't is heard live. About as many bytes as the
#' option `lomp.buffer` says wait in memory, and more in a temporary file, so that the order holds
#' however much there is (with `.compute` all of it waits in memory). Where the call ends early (by
#' an error, an interrupt), all that was said until then comes before that, by item; where a handler
#' leaves it, nothing more is said. The option `lomp.output` (see [lomp-options]) chooses.
#' Conditions of class `immediateCondition`, progressr's steps among them, never wait.
#'
#' What is said once in a session (rlang's `.frequency = "once"`, deprecations of lifecycle, a
#' package's own notes) is said once by each worker, and again in the next call: what a worker knows
#' ends with it. If it has been said before the call, it isn't said again.
#'
#' @section Other machines:
#' With `.compute = "profile"` the items run on the daemons of that compute profile of the package
#' mirai, which its user has set by `mirai::daemons()`: on this machine, or on others by SSH, by
#' Slurm and the like. Each daemon forks workers of its own, as this process would, so **one daemon
#' for each machine** is right. All that is said here holds there: results, names, order, random
#' numbers (bit for bit the same, for any number of machines), errors, time limits, conditions,
#' output, progress, `.redo` and `.checkpoint`. `.workers` is the number of workers of each machine;
#' by itself, what [lomp_workers()] gives there.
#'
#' Nothing of this session is there but what is sent. `.f` and `...` are, and the variables that the
#' code of `.f` names, as far as they aren't a package's, and those that functions among them name;
#' packages that they are from are attached. What code looks up by a name that it makes itself
#' (`get()`, `eval(parse())`), options, and packages attached for another reason must be prepared
#' on the daemons, by `mirai::everywhere()`. All this travels once to each daemon, which keeps it
#' for later calls; see [lomp_machines()]. Items travel with the blocks that machines get, as these
#' become free; where items are numbers (`seq_along(files)`) and the data lie where all machines can
#' read them, next to nothing does. Arguments in `...` are values there: [substitute()] doesn't show
#' how they were written. Items can't use mirai or nanonext themselves, whose library doesn't work
#' in a forked process. Nor is [parent.frame()] of `.f` this session's: it has what `.f` is called
#' with, and nothing of the caller's. Calls within items run on the daemon's machine, without
#' `.compute`.
#'
#' Each daemon must have the same version of lomp, else the call ends before any item is sent, by a
#' `lomp_machine_error`, the condition of all that concerns the machines and no item. Another
#' version of R is told by a warning, `lomp_machine_version`. Failures have a field `host`. Daemons
#' that connect while a call runs get a share of its items.
#'
#' A worker that crashes costs its item. **A daemon that dies, is stopped or cut off** loses nothing
#' that had arrived here: results come at least twice a second. Items that it had been given and
#' whose results hadn't arrived are run again on other machines, and a warning, `lomp_machine_gone`,
#' has them in its field `items`. Some of these may have been begun
#' there, or even be finished, so what they do outside R may be done twice: on a machine that had
#' `w` workers, `w` items that were running, and those that were finished since its last answer. An
#' item that was lost twice is not run a third time: it fails, with the subclass
#' `lomp_machine_lost`; so does, in [lomp_iterate()], one that had already emitted something. With
#' the option `lomp.lost_items` set to `"fail"` all of these items fail, and nothing is ever run
#' twice. A machine that doesn't answer within 30 seconds more than it should is taken for lost; the
#' option `lomp.machine_timeout` says another number. What it sends later is ignored, and then it is
#' used again.
#'
#' @section Progress by progressr and cli:
#' A function whose items signal steps to a `progressr::progressor()` leaves it to its user whether
#' and how progress is shown, by `progressr::with_progress()` or `handlers(global = TRUE)`. Steps
#' reach this process as soon as they are made, whatever else waits for its turn.
#'
#' \preformatted{
#' scores <- function(images) {
#'   step <- progressr::progressor(along = images)
#'   lomp_map(images, function(image) {
#'     step()
#'     score(image)
#'   })
#' }
#' progressr::with_progress(scores(images))
#' }
#'
#' What items say by cli comes as messages do, with its colours. A bar of cli's belongs into this
#' process, since those of several workers would be on one line of the terminal: `.progress` moves
#' it, or the loop that takes the results of [lomp_iterate()].
#'
#' \preformatted{
#' bar <- cli::cli_progress_bar("images", total = length(images))
#' lomp_map(images, score, .progress = function(done, total) {
#'   cli::cli_progress_update(set = done, id = bar)
#' })
#' }
#'
#' `vignette("idioms", "lomp")` has more of both.
#'
#' @param .x A vector or list, or an object that has an [as.list()] method; a data frame goes by
#'   column. Or a producer of items, see the section on streams.
#' @param .f A function, or the name of one, as [match.fun()] takes it.
#' @param ... Further arguments for `.f`.
#' @param .workers The number of worker processes, a whole number from 0 to 10000; at most one for
#'   each item is used. `0` runs everything in this process, with the same results and conditions.
#'   `1` is one worker beside this process, which protects the session from crashes in `.f`.
#' @param .on_error `"stop"` or `"collect"`, see the section on errors.
#' @param .timeout Seconds that each item may take. A worker whose item takes longer is killed, also
#'   in compiled code that never looks for interrupts; the item's condition has the subclass
#'   `lomp_timeout`, and no other item is lost. Only the time in which `.f` runs counts. With
#'   `.workers = 0` the limit is that of [setTimeLimit()], which ends R code only.
#' @param .progress `TRUE` for a bar on standard error with what is done, the rate, the time left
#'   and failures; it appears after two seconds and leaves one line behind. What items print and
#'   signal has lines of its own. (What is printed by code that runs in this process while the bar
#'   is there, a producer's or with `.workers = 0` an item's, has them if it comes by [message()].)
#'   With the package cli its option `cli.progress_bar_style` tells how it looks. Where standard
#'   error is no terminal it gets a line each ten seconds instead, and in Jupyter these lines are
#'   messages, of class `lomp_progress`. Or, for other displays,
#'   a `function(done, total)`: it is called at the beginning, at the end and at most 20 times a
#'   second in between (`total` is `NA` for items from a stream). A function that can't take two
#'   arguments is an error of the call.
#' @param .redo An earlier result for the same `.x`: a list that has lomp's conditions in the places
#'   of items that failed, a `lomp_error` or `lomp_interrupt`, or [lomp_last()]. Only the items that
#'   have no result there are run, each with the random numbers that it had; the others are taken
#'   over. `.f` may be another function now. `NULL` runs all. Not for items from a stream.
#' @param .checkpoint The name of a file that results are appended to as they come, so that a call
#'   can go on when its session was killed: see the section on checkpoints. `NULL` for none. Not for
#'   items from a stream.
#' @param .compute The name of a compute profile of the package mirai on whose daemons the items
#'   run, see the section on other machines. `NULL` is this machine.
#'
#' @return A list of the length of `.x`, with its names.
#' @seealso [lomp_vapply()] for results that are a few numbers each, [lomp_workers()], [lomp_ok()],
#'   [lomp_last()], [lomp_read()], [lomp-options].
#' @export
#' @examples
#' images <- replicate(8, matrix(runif(1e4), 100), simplify = FALSE)
#' str(lomp_map(images, range, .workers = 2)[1:2])
#'
#' # Further arguments, positional and named, go to the function.
#' corrected_mean <- function(image, factor, trim = 0) mean(image * factor, trim = trim)
#' str(lomp_map(images, corrected_mean, 1.2, trim = 0.1, .workers = 2)[1:2])
#'
#' # Over indices: everything in the session is shared, however large.
#' contrast <- lomp_map(seq_along(images)[-1], function(i) sd(images[[i]] - images[[i - 1]]),
#'                      .workers = 2)
#'
#' # Errors name their item; the rest is not lost.
#' result <- tryCatch(
#'   lomp_map(list(a = 1, b = "two", c = 3), function(x) x + 1, .workers = 2),
#'   lomp_error = function(e) e
#' )
#' result$name
#' conditionMessage(result$parent)
#'
#' suppressWarnings({
#'   all <- lomp_map(list(a = 1, b = "two", c = 3), function(x) x + 1,
#'                   .workers = 2, .on_error = "collect")
#' })
#' str(all[lomp_ok(all)])
#'
#' # Only what failed is run again, here with a better function.
#' str(lomp_map(list(a = 1, b = "two", c = 3), function(x) if (is.numeric(x)) x + 1 else NA,
#'              .workers = 2, .redo = all))
lomp_map <- function(.x, .f, ..., .workers = lomp_workers(), .on_error = c("stop", "collect"),
                     .timeout = Inf, .progress = getOption("lomp.progress", FALSE), .redo = NULL,
                     .checkpoint = NULL, .compute = NULL) {
  if (missing(.x)) stop_missing(".x", names(substitute(list(...))))
  if (missing(.f)) stop_missing(".f", names(substitute(list(...))))
  # nolint start: object_name_linter.
  # The items are called in this frame, in the way of lapply's: it holds X and FUN, and `i`. An
  # error in the caller's own expressions is theirs, and no error of the argument.
  X <- .x
  FUN <- if (has_value(substitute(.f), parent.frame())) .f
  if (!is.function(FUN)) {
    given <- if (is.null(FUN)) substitute(.f) else FUN
    FUN <- tryCatch(match.fun(.f), error = function(cnd) stop_not_function(cnd, given, X, ...))
  }
  dot_names <- if (...length() > 0L) names(substitute(list(...)))
  if (!is.null(dot_names)) check_dots(FUN, dot_names)
  check_emit(FUN, dot_names)
  if (!is_plain_vector(X) && !is_source(X)) {
    X <- tryCatch(as_items(X, parent.frame()), error = function(cnd) stop_not_vector(cnd))
  }
  # Evaluated here, where an error of theirs tells the caller's own call.
  list(.workers, .on_error, .timeout, .progress, .redo, .checkpoint, .compute)
  machines <- plan_machines(.compute, if (!missing(.workers)) .workers)
  plan <- new_plan(X, .workers, .on_error, .timeout, .progress, !missing(.progress), .redo,
                   .checkpoint, machines)
  plan$retries_dots <- ...length() > 0L && force_dots(...)
  if (!is.null(plan$source)) X <- NULL
  if (!is.null(plan$redo)) X <- X[plan$redo$todo]
  # nolint end
  run_map(plan, environment())
}
