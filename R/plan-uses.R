# The names that a function's code may look up outside of the function, found without running it.

# list(names = , functions = , texts = ): of variables, of functions that are called, and texts that
# may be a function's name. A name is one's own only from where it is assigned on, so
# `count <- count + 1` uses `count`, and what is assigned in a branch may still be another's.
# Too many are better than too few: code that is quoted counts, since it may be evaluated.
uses_of <- function(f) {
  found <- new_uses()
  use_function(formals(f), body(f), character(), found)
  as_lists(found)
}

# What a formula or other code uses that has an environment.
uses_of_code <- function(code) {
  found <- new_uses()
  use_function(NULL, code, character(), found)
  as_lists(found)
}

# Sets of names in the order in which they are used, so that what is made of them is the same in
# each call. Variables that `<<-` assigns to are in `outer`; `later` holds functions whose code runs
# when the one around it has gone on.
new_uses <- function() {
  list2env(list(names = character(), functions = character(), texts = character(),
                outer = character(), later = list()), parent = emptyenv())
}

as_lists <- function(found) mget(c("names", "functions", "texts"), envir = found)

note_use <- function(found, set, names, own) {
  found[[set]] <- union(found[[set]], setdiff(names, own))
}

# A name is looked up as such, `..1` as a part of the dots.
note_name <- function(found, name, own) {
  if (grepl("^[.][.][0-9]+$", name)) name <- "..."
  if (nzchar(name)) note_use(found, "names", name, own)
}

# Default values are evaluated at some time that isn't known, so nothing but arguments is own there,
# and what the function around it has assigned.
use_function <- function(formals, body, around, found) {
  inner <- new_uses()
  arguments <- union(around, names(formals))
  for (default in present(as.list(formals))) use_code(default, arguments, inner)
  own <- use_code(body, arguments, inner)
  for (nested in inner$later) note_nested(inner, nested$found, union(nested$own, own))
  note_nested(found, inner, character())
  note_use(found, "names", inner$outer, around)
}

# What a function uses is looked up in the one around it next, where it may be a variable.
note_nested <- function(outer, inner, own) {
  for (set in c("names", "functions")) note_use(outer, set, inner[[set]], own)
  note_use(outer, "texts", inner$texts, character())
}

# `own` are the names that are surely assigned by now; those after the code are returned.
use_code <- function(code, own, found) {
  if (is.symbol(code)) {
    note_name(found, as.character(code), own)
  } else if (is.call(code)) {
    return(use_call(unclass(code), own, found))
  } else if (is.character(code)) {
    if (length(code) == 1L) note_text(found, code)
  } else if (is.expression(code) || is.pairlist(code)) {
    own <- use_each(as.list(code), own, found)
  }
  own
}

# sapply(x, "fun") and the like.
note_text <- function(found, text) {
  if (!is.na(text) && nzchar(text) && nchar(text, "bytes") <= 256L) {
    note_use(found, "texts", text, character())
  }
}

use_each <- function(codes, own, found) {
  for (code in present(codes)) own <- use_code(code, own, found)
  own
}

# Without those that are left out, as in `x[, 1]`.
present <- function(codes) {
  codes[!vapply(codes, identical, NA, quote(expr = ))] # nolint: spaces_inside_linter.
}

# An argument may be evaluated later or never, but as a rule what it assigns is there afterwards:
# suppressWarnings(y <- f(x)).
use_call <- function(code, own, found) {
  head <- code[[1L]]
  if (!is.symbol(head) && !is.character(head)) {
    return(use_each(as.list(code), own, found))
  }
  name <- as.character(head)
  note_use(found, "functions", name, own)
  special <- if (!name %in% own) special_calls[[name]]
  if (is.null(special)) use_each(as.list(code)[-1L], own, found) else special(code, own, found)
}

# ---- Calls that aren't like others --------------------------------------------------------------

# A function that is assigned runs later, when more may have been assigned; its name is known there.
use_assignment <- function(code, own, found) {
  value <- code[[3L]]
  if (is_literal_function(value)) {
    inner <- new_uses()
    use_function(value[[2L]], value[[3L]], character(), inner)
    found$later <- c(found$later, list(list(found = inner, own = own)))
  } else {
    own <- use_code(value, own, found)
  }
  use_target(code[[2L]], own, found)
}

is_literal_function <- function(code) is.call(code) && identical(code[[1L]], quote(`function`))

# `names(x)[2] <- value` calls `names<-` and `[<-`, and looks up `x`.
use_target <- function(target, own, found) {
  if (!is.call(target)) return(union(own, as.character(target)))
  while (is.call(target)) {
    own <- use_code(target, own, found)
    setter <- target[[1L]]
    if (is.symbol(setter)) note_use(found, "functions", paste0(as.character(setter), "<-"), own)
    target <- target[[2L]]
  }
  union(own, as.character(target))
}

# It assigns to a variable of the environments around the function, even if there is one within.
use_outer_assignment <- function(code, own, found) {
  own <- use_code(code[[3L]], own, found)
  use_target(code[[2L]], own, found)
  target <- code[[2L]]
  while (is.call(target)) target <- target[[2L]]
  note_use(found, "outer", as.character(target), character())
  own
}

use_literal <- function(code, own, found) {
  use_function(code[[2L]], code[[3L]], own, found)
  own
}


use_if <- function(code, own, found) {
  own <- use_code(code[[2L]], own, found)
  yes <- use_branch(code[[3L]], own, found)
  no <- if (length(code) > 3L) use_branch(code[[4L]], own, found) else own
  if (is.null(yes)) yes <- no
  if (is.null(no)) no <- yes
  intersect(yes, no)
}

# NULL of a branch that is left by its end: nothing after it depends on what it assigns.
use_branch <- function(code, own, found) {
  after <- use_code(code, own, found)
  if (!is_left(code)) after
}

is_left <- function(code) {
  if (!is.call(code) || !is.symbol(code[[1L]])) return(FALSE)
  name <- as.character(code[[1L]])
  if (name == "{" && length(code) > 1L) return(is_left(code[[length(code)]]))
  name %in% c("stop", "return", "next", "break")
}

# What its body assigns may not be there afterwards.
use_for <- function(code, own, found) {
  own <- union(use_code(code[[3L]], own, found), as.character(code[[2L]]))
  use_code(code[[4L]], own, found)
  own
}

# Only the first of them is evaluated for sure, and what that assigns is there for each other one.
use_first <- function(code, own, found) {
  parts <- present(as.list(code)[-1L])
  if (length(parts) == 0L) return(own)
  own <- use_code(parts[[1L]], own, found)
  for (part in parts[-1L]) use_code(part, own, found)
  own
}

# What follows `$` or `@` is the name of an element.
use_element <- function(code, own, found) {
  use_code(code[[2L]], own, found)
  element <- code[[3L]]
  if (is.symbol(element) || is.character(element)) own else use_code(element, own, found)
}

use_nothing <- function(code, own, found) own

# Nothing that it assigns is there afterwards.
use_apart <- function(code, own, found) {
  use_each(as.list(code)[-1L], own, found)
  own
}

# Its first text is the name of a variable, or of a function whose methods may be called.
use_named <- function(code, own, found) {
  texts <- Filter(is.character, present(as.list(code)[-1L]))
  if (length(texts) > 0L) {
    note_use(found, "names", setdiff(texts[[1L]], ""), own)
    note_use(found, "functions", setdiff(texts[[1L]], ""), own)
  }
  use_each(as.list(code)[-1L], own, found)
}

use_dots <- function(code, own, found) {
  note_name(found, "...", own)
  use_each(as.list(code)[-1L], own, found)
}

special_calls <- list(
  `<-` = use_assignment, `=` = use_assignment, `<<-` = use_outer_assignment,
  `function` = use_literal, `if` = use_if, `for` = use_for, `while` = use_first,
  switch = use_first, `&&` = use_first, `||` = use_first, `$` = use_element, `@` = use_element,
  `::` = use_nothing, `:::` = use_nothing, `~` = use_apart, quote = use_apart, bquote = use_apart,
  substitute = use_apart, expression = use_apart, local = use_apart, get = use_named,
  get0 = use_named, mget = use_named, exists = use_named, dynGet = use_named,
  match.fun = use_named, do.call = use_named, UseMethod = use_named, `...length` = use_dots,
  `...elt` = use_dots, `...names` = use_dots
)
