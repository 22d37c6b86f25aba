# What is said of machines: those that can't be used, and those that were lost.

stop_no_machines <- function(profile, seconds) {
  stop(new_machine_error(sprintf("no daemon of the profile %s has connected for %s s",
                                 quoted(profile), format(seconds))))
}

# A call on several machines that can't go on. `machine` is which of them has failed.
new_machine_error <- function(message, machine = NULL) {
  if (!is.null(machine)) message <- sprintf("%s: %s", label_of_machine(machine), message)
  new_failure("lomp_machine_error", message, NA_real_, NULL, NULL, character(), elapsed(),
              host = machine$host)
}

label_of_machine <- function(machine) sprintf("%s (process %d)", machine$host, machine$pid)

# Before any item is sent: each daemon must have this lomp, and should have this R.
check_machines <- function(answers, plan) {
  if (length(answers) == 0L) {
    stop(new_machine_error("no daemon has answered: they are stopped, cut off, or busy"))
  }
  unfit <- Filter(function(answer) !is.null(answer$problem), answers)
  if (length(unfit) > 0L) stop(new_machine_error(describe_unfit(unfit)))
  note_other_r(answers, plan)
}

note_other_r <- function(answers, plan) {
  other <- Filter(has_other_r, answers)
  if (length(other) > 0L) add_complaints(list(warning_of_r(other)), plan$call)
}

describe_unfit <- function(unfit) {
  first <- unfit[[1L]]
  sprintf("%s %s%s", label_of_machine(first), problem_of(first),
          if (length(unfit) > 1L) sprintf(", nor can %d more be used", length(unfit) - 1L) else "")
}

problem_of <- function(answer) {
  if (answer$problem == "absent") {
    return(sprintf("has no lomp %s or newer in its library", own_version()))
  }
  sprintf("has lomp %s, and this session has %s", answer$lomp, own_version())
}

has_other_r <- function(answer) {
  number_of <- function(version) unclass(numeric_version(version))[[1L]][1:2]
  !identical(number_of(answer$R), number_of(as.character(getRversion())))
}

warning_of_r <- function(machines) {
  first <- machines[[1L]]
  new_warning("lomp_machine_version", message = sprintf(
    "%s has R %s, and this session R %s: results may differ%s", label_of_machine(first), first$R,
    as.character(getRversion()),
    if (length(machines) > 1L) sprintf(" (and %d more)", length(machines) - 1L) else ""
  ))
}

# Of a daemon that came while the call was running.
warning_of_machine <- function(answer) {
  new_warning("lomp_machine_unused", host = answer$host, message = sprintf(
    "%s %s: it wasn't used", label_of_machine(answer), problem_of(answer)
  ))
}

# An item whose machine was lost. `machine` is list(host = , pid = ), of NULLs if that isn't known.
new_stranded <- function(item, machine, plan) {
  how <- if (is.null(machine$host)) {
    "its machine was lost"
  } else {
    sprintf("its machine %s was lost", label_of_machine(machine))
  }
  new_failure(c("lomp_machine_lost", "lomp_crash"), paste0(item_label(item, plan), ": ", how), item,
              item_name(item, plan), simpleError(how), character(), elapsed(),
              signal = NA_character_, status = NA_integer_, pid = NA_integer_, host = machine$host)
}

# Machines were lost, and the call went on: which items may have been run twice?
warning_of_loss <- function(net, plan) {
  if (length(net$gone) == 0L && length(net$twice) == 0L) return()
  items <- item_at(sort(unique(net$twice)), plan)
  gone <- if (length(net$gone) == 0L) "a machine" else net$gone
  again <- if (length(items) == 0L) "no item was given again" else sprintf(
    "%s given again, and may have been begun there (%s)",
    if (length(items) == 1L) "1 item was" else paste(format_count(length(items)), "items were"),
    format_items(items)
  )
  list(new_warning("lomp_machine_gone", machines = gone, items = items, message = sprintf(
    "%s %s lost: %s", paste(gone, collapse = ", "), if (length(gone) == 1L) "was" else "were", again
  )))
}
