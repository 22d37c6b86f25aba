# How far a call is: a bar on standard error, or a function of the user's.

# At most so often is it shown, in seconds. A call that is shorter than the delay shows no bar.
progress_interval <- 0.05
the$bar_delay <- 2

# The value is the caller's, or else the session's option.
check_progress <- function(value, given = TRUE) {
  argument <- if (given) ".progress" else "option lomp.progress"
  takes <- "must be TRUE, FALSE or a function of `done` and `total`"
  if (is.function(value)) {
    if (takes_two(value)) return(value)
    stop_argument(argument, paste0(takes, ": this one doesn't take two arguments"))
  }
  if (is.logical(value) && length(value) == 1L && !is.na(value)) return(value)
  stop_argument(argument, takes, describe_value(value))
}

# Whether it needs more than two shows when it is called, since it may not look at all it has.
takes_two <- function(f) {
  names <- formal_names(f)
  takes_dots(f) || length(names) >= 2L
}

# What a call tells of its progress: list(update(done, failed), clear(), end(done, failed)), or NULL
# if nobody wants to know. In a document only who asks for a bar gets one, and a worker has none,
# since it would be one of many on the same line.
new_progress <- function(plan, total) {
  value <- plan$progress
  if (is.function(value)) return(new_caller(value, total, plan$call))
  if (!value || in_worker()) return(NULL)
  if (!plan$progress_given && isTRUE(getOption("knitr.in.progress"))) return(NULL)
  new_bar(total)
}

# A function is told the beginning, the end, and what changes in between. It is the caller's own
# code, which an interrupt of the call leaves. One that fails isn't called again.
new_caller <- function(f, total, call) {
  .progress <- f  # what it signals itself has a call that the caller knows
  last <- 0
  works <- TRUE
  tell <- function(done) {
    last <<- done
    if (!works) return()
    works <<- FALSE
    tolerated({
      .progress(done, total)
      works <<- TRUE
    }, call, "lomp_progress_failed", "the function of `.progress` failed and wasn't called again")
  }
  tell(0)
  list(
    update = function(done, failed) if (done != last) tell(done),
    clear = function() NULL,
    end = function(done, failed) if (done != last) tell(done)
  )
}

tick_of <- function(progress) if (is.null(progress)) 0 else progress_interval

new_bar <- function(total) {
  began <- elapsed()
  drawn <- 0L  # characters of the line that is there now
  is_shown <- FALSE
  is_dynamic <- is_dynamic_console()
  last_line <- -Inf
  put <- function(line) {
    width <- columns_of(line)
    cat("\r", line, strrep(" ", max(0L, drawn - width)), sep = "", file = stderr())
    drawn <<- width
  }
  clear <- function() {
    if (drawn == 0L) return()
    put("")
    cat("\r", file = stderr())
  }
  update <- function(done, failed) {
    seconds <- elapsed() - began
    if (seconds < the$bar_delay) return()
    is_shown <<- TRUE
    if (is_dynamic) return(put(bar_line(done, total, failed, seconds, console_width())))
    # A log gets a line now and then.
    if (seconds - last_line < 10) return()
    last_line <<- seconds
    cat(progress_text(done, total, failed, seconds), "\n", sep = "", file = stderr())
  }
  end <- function(done, failed) {
    if (!is_shown) return()
    clear()
    cat(summary_text(done, total, failed, elapsed() - began), "\n", sep = "", file = stderr())
    is_shown <<- FALSE
  }
  list(update = update, clear = clear, end = end)
}

elapsed <- function() proc.time()[["elapsed"]]

# The package cli knows more front ends, and what its user wants bars to look like. Its own bars
# would be in the way of what items say, and fill logs.
has_cli <- function() requireNamespace("cli", quietly = TRUE)

# Can a line be written over?
is_dynamic_console <- function() if (has_cli()) cli::is_dynamic_tty(stderr()) else isatty(stderr())

console_width <- function() if (has_cli()) cli::console_width() else getOption("width")

# A style may have colours.
columns_of <- function(line) {
  if (has_cli()) cli::ansi_nchar(line, "width") else nchar(line, "width")
}

# Of cli's option, one of cli::cli_progress_styles() or a list like them.
bar_style <- function() {
  style <- if (has_cli()) getOption("cli.progress_bar_style")
  if (is.character(style)) style <- cli::cli_progress_styles()[[style]]
  if (is.null(style)) return(list(complete = "=", current = ">", incomplete = " "))
  if (is.null(style$current)) style$current <- style$complete
  style
}

# A bar as wide as there is room for, and what it says in numbers.
bar_line <- function(done, total, failed, seconds, width) {
  text <- progress_text(done, total, failed, seconds)
  room <- min(40L, width - nchar(text) - 4L)
  if (nchar(text) >= width) return(count_text(done, total))
  if (is.na(total) || room < 5L) return(text)
  full <- floor(room * done / total)
  style <- bar_style()
  head <- strrep(style$complete, full)
  if (full > 0 && full < room) head <- paste0(strrep(style$complete, full - 1), style$current)
  sprintf("[%s%s] %s", head, strrep(style$incomplete, room - full), text)
}

progress_text <- function(done, total, failed, seconds) {
  parts <- c(count_text(done, total), rate_text(done, seconds))
  if (!is.na(total) && done > 0 && done < total) {
    left <- (total - done) * seconds / done
    parts <- c(parts, paste(format_duration(left), "left"))
  } else if (is.na(total)) {
    parts <- c(parts, format_duration(seconds))
  }
  paste(c(parts, failed_text(failed)), collapse = ", ")
}

summary_text <- function(done, total, failed, seconds) {
  paste(c(
    sprintf("%s done in %s", count_text(done, total), format_duration(seconds)),
    rate_text(done, seconds), failed_text(failed)
  ), collapse = ", ")
}

count_text <- function(done, total) {
  if (is.na(total)) return(format_count(done))
  sprintf("%s/%s", format_count(done), format_count(total))
}

rate_text <- function(done, seconds) {
  if (done > 0) sprintf("%s/s", format(signif(done / seconds, 3), scientific = FALSE))
}

failed_text <- function(failed) if (failed > 0) sprintf("%s failed", format_count(failed))

# "5 s", "2 min 5 s", "1 h 3 min"
format_duration <- function(seconds) {
  if (seconds < 10) return(sprintf("%.1f s", seconds))
  seconds <- round(seconds)
  if (seconds < 60) return(sprintf("%d s", as.integer(seconds)))
  minutes <- seconds %/% 60
  if (minutes < 60) return(sprintf("%d min %d s", as.integer(minutes), as.integer(seconds %% 60)))
  sprintf("%s h %d min", format_count(minutes %/% 60), as.integer(minutes %% 60))
}
