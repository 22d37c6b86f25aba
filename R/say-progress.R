# How far a call is: a bar on standard error, or a function of the user's.

# At most so often is it shown, in seconds. A call that is shorter than the delay shows no bar.
progress_interval <- 0.05
the$bar_delay <- 2
the$log_interval <- 10

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

# What a call tells of its progress, or NULL if it tells nothing. begin() comes first. update(done,
# failed, is_waiting) tells how far it is, and whether lomp has nothing better to do than to wait;
# clear() makes way for what others say; rest() does so when a consumer's own code goes on, and
# returns whether it had to; end(done, failed) comes last. In a document only a call that asks for a
# bar gets one, and a worker has none, since it would be one of many on the same line.
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
  list(
    begin = function() tell(0),
    update = function(done, failed, is_waiting = TRUE) if (done != last) tell(done),
    clear = function() NULL,
    rest = function() FALSE,
    end = function(done, failed) if (done != last) tell(done)
  )
}

tick_of <- function(progress) if (is.null(progress)) 0 else progress_interval

new_bar <- function(total) {
  began <- elapsed()
  is_shown <- FALSE
  line <- if (is_dynamic_console()) new_line()
  log <- new_log(line)
  clear <- function() if (is.null(line)) FALSE else line$clear()
  update <- function(done, failed, is_waiting = TRUE) {
    seconds <- elapsed() - began
    if (seconds < the$bar_delay) return()
    is_shown <<- TRUE
    if (log$is_due()) {
      clear()
      say_progress(progress_text(done, total, failed, seconds))
    }
    if (is.null(line) || !is_waiting) return()
    line$put(bar_line(done, total, failed, seconds, console_width()))
  }
  end <- function(done, failed) {
    clear()
    if (is_shown) say_progress(summary_text(done, total, failed, elapsed() - began))
    is_shown <<- FALSE
  }
  list(begin = function() NULL, update = update, clear = clear, rest = clear, end = end)
}

# A line of a terminal that is written over. seen() tells for how many seconds it was there since it
# was last asked.
new_line <- function() {
  drawn <- 0L  # characters of what is there now
  since <- seen <- 0
  write <- function(text) {
    width <- columns_of(text)
    cat("\r", text, strrep(" ", max(0L, drawn - width)), sep = "", file = stderr())
    drawn <<- width
  }
  count <- function() {
    now <- elapsed()
    if (drawn > 0L) seen <<- seen + now - since
    since <<- now
  }
  list(
    put = function(text) {
      count()
      write(text)
    },
    clear = function() {
      if (drawn == 0L) return(FALSE)
      count()
      write("")
      cat("\r", file = stderr())
      TRUE
    },
    seen = function() {
      count()
      told <- seen
      seen <<- 0
      told
    }
  )
}

# When a line that stays is due. A log gets one now and then; and so does a terminal where hardly
# any user has seen the bar, since it is other code that takes the time.
new_log <- function(line) {
  last <- -Inf
  list(is_due = function() {
    now <- elapsed()
    waited <- now - last
    if (waited < the$log_interval) return(FALSE)
    last <<- now
    is.null(line) || line$seen() < waited / 2 && is.finite(waited)
  })
}

# Jupyter shows its users messages, and lets what goes to standard error vanish in its server's log.
say_progress <- function(text) {
  text <- paste0(text, "\n")
  if (!in_jupyter()) return(cat(text, file = stderr()))
  message(structure(class = c("lomp_progress", "message", "condition"),
                    list(message = text, call = NULL)))
}

in_jupyter <- function() isTRUE(getOption("jupyter.in_kernel"))

# The value of code of the caller's; a bar gets out of the way of what that signals.
making_way <- function(value, progress) {
  if (is.null(progress)) return(value)
  withCallingHandlers(value, condition = function(cnd) progress$clear())
}

elapsed <- function() proc.time()[["elapsed"]]

# The package cli knows more front ends, and what its user wants bars to look like. Its own bars
# would be in the way of what items say, and fill logs.
has_cli <- function() requireNamespace("cli", quietly = TRUE)

# Can a line be written over? The terminal of Jupyter's server isn't its user's.
is_dynamic_console <- function() {
  if (in_jupyter()) return(FALSE)
  if (has_cli()) cli::is_dynamic_tty(stderr()) else isatty(stderr())
}

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
