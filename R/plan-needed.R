# What a call's function needs where it runs in another process that has no copy of this one: the
# variables of its environments that it uses, and the packages that it finds functions in.

# list(f = , dots = , packages = ), copies that are to be serialized together. Neither the caller's
# functions nor its environments are changed, but promises in these are forced where their values
# are needed.
#
# What can't be seen in the code isn't there: names that are made by the code itself, S4 classes and
# methods that were defined outside of packages, and S3 methods that are only called from within a
# package's function. A name that is nowhere is left out, so that the item fails as it does here.
needed_of <- function(f, dots) {
  copy <- new_copy()
  f <- copy_value(f, copy)
  dots <- copy_value(dots, copy)
  finish_copy(copy)
  list(f = f, dots = dots, packages = in_order_of_attachment(copy$packages))
}

# What is underway: mirrors of environments by these, and jobs that are still to be done, so that a
# long chain of objects takes no deep recursion. `read` are the uses of function bodies; names that
# were looked up from the global environment on needn't be again, however many functions there are.
new_copy <- function() {
  copy <- new.env(parent = emptyenv())
  copy$mirrors <- new_identity_table()
  copy$whole <- new_identity_table()
  copy$read <- new_identity_table()
  copy$looked_up <- list(any = character(), `function` = character(), methods = character())
  copy$jobs <- new.env(parent = emptyenv())
  copy$added <- 0L
  copy$packages <- character()
  copy
}

# A job may add others.
finish_copy <- function(copy) {
  done <- 0L
  while (done < copy$added) {
    done <- done + 1L
    job <- get(as.character(done), envir = copy$jobs)
    job()
  }
}

add_job <- function(copy, job) {
  copy$added <- copy$added + 1L
  assign(as.character(copy$added), job, envir = copy$jobs)
}

# Of packages that have the same names, that which was attached last comes first. So they are to be
# attached in the order in which they were here.
in_order_of_attachment <- function(packages) {
  rev(intersect(sub("^package:", "", search()), packages))
}

# ---- Tables by identity -------------------------------------------------------------------------

# R has them from version 4.2 on; before, they are searched.
new_identity_table <- function() {
  new_table <- get0("hashtab", asNamespace("utils"))
  if (is.null(new_table)) new_searched_table() else new_hashed_table(new_table("address"))
}

new_hashed_table <- function(table) {
  utils <- asNamespace("utils")
  list(get = function(key) utils$gethash(table, key),
       set = function(key, value) utils$sethash(table, key, value))
}

new_searched_table <- function() {
  keys <- list()
  values <- list()
  list(
    get = function(key) {
      for (k in seq_along(keys)) if (is_same_object(keys[[k]], key)) return(values[[k]])
    },
    set = function(key, value) {
      keys[[length(keys) + 1L]] <<- key
      values[[length(values) + 1L]] <<- value
    }
  )
}

# ---- Values -------------------------------------------------------------------------------------

# Lists are looked into so far; what is deeper goes as it is.
max_copy_depth <- 20L

copy_value <- function(value, copy, depth = 0L) {
  type <- typeof(value)
  if (type == "closure") return(copy_closure(value, copy, depth))
  if (type == "environment") return(copy_environment(value, copy))
  if (isS4(value) || depth >= max_copy_depth) return(value)
  if (type == "list") return(copy_list(value, copy, depth + 1L))
  if (type == "language") return(copy_formula(value, copy, depth + 1L))
  value
}

copied_types <- c("closure", "environment", "list", "language")

copy_list <- function(value, copy, depth) {
  elements <- unclass(value)
  at <- which(vapply(elements, is.recursive, NA, USE.NAMES = FALSE))
  if (length(at) > 0L) {
    for (k in at) elements[k] <- list(copy_value(elements[[k]], copy, depth))
    oldClass(elements) <- oldClass(value)
    value <- elements
  }
  copy_attributes(value, copy, depth)
}

# As the terms are that a model's data frame has, or what a decorated function calls.
copy_attributes <- function(value, copy, depth) {
  if (is.null(attributes(value))) return(value)
  known <- c("names", "row.names", "class", "dim", "dimnames", "srcref", ".Environment")
  for (name in setdiff(names(attributes(value)), known)) {
    old <- attr(value, name, exact = TRUE)
    if (typeof(old) %in% copied_types) attr(value, name) <- copy_value(old, copy, depth)
  }
  value
}

# Code that has an environment, a formula as a rule, needs of it what it names.
copy_formula <- function(value, copy, depth) {
  home <- attr(value, ".Environment", exact = TRUE)
  if (!is.environment(home)) return(value)
  attr(value, ".Environment") <- mirror_of(home, copy) # nolint: object_name_linter.
  if (is_mirrored(home)) add_job(copy, function() copy_uses(uses_of_code(value), home, copy))
  copy_attributes(value, copy, depth)
}

# S4's generic functions have more than code.
copy_closure <- function(f, copy, depth) {
  if (isS4(f)) return(f)
  home <- environment(f)
  bare <- copy_attributes(bare_function(f, mirror_of(home, copy)), copy, depth + 1L)
  if (is_mirrored(home)) add_job(copy, function() copy_uses(uses_in(copy, f), home, copy))
  bare
}

# R notes in a function that it was called, and compiles it then; of a function that is made anew
# the bytes are the same before and after. References to source stay, which tell where an error was.
bare_function <- function(f, home) {
  tryCatch({
    bare <- as.function.default(c(formals(f), list(body(f))), envir = home)
    attributes(bare) <- attributes(f)
    bare
  }, error = function(cnd) {
    environment(f) <- home
    f
  })
}

# Objects of a class have the same methods, with the same code.
uses_in <- function(copy, f) {
  code <- body(f)
  if (!is.call(code)) return(uses_of(f))
  known <- copy$read$get(code)
  if (!is.null(known) && identical(known$formals, formals(f))) return(known$uses)
  uses <- uses_of(f)
  copy$read$set(code, list(formals = formals(f), uses = uses))
  uses
}

# ---- Environments -------------------------------------------------------------------------------

# An environment is mirrored by a new one, which gets the variables that are used. All that share it
# here share its mirror there, which has the mirror of its parent as its own. The mirror of the
# global environment has the other process's as its parent. Other environments are sent by name.
mirror_of <- function(env, copy) {
  if (!is_mirrored(env)) {
    if (is_of_package(env)) add_package(env, copy)
    return(env)
  }
  mirror <- copy$mirrors$get(env)
  if (is.null(mirror)) new_mirror(env, copy) else mirror
}

new_mirror <- function(env, copy) {
  is_global <- identical(env, globalenv())
  parent <- if (is_global) env else mirror_of(parent.env(env), copy)
  mirror <- new.env(parent = parent)
  copy$mirrors$set(env, mirror)
  mirror
}

is_mirrored <- function(env) {
  identical(env, globalenv()) || !(is_base(env) || isNamespace(env) || is_of_package(env))
}

is_base <- function(env) identical(env, baseenv()) || identical(env, emptyenv())

is_of_package <- function(env) {
  name <- attr(env, "name", exact = TRUE)
  is.character(name) && length(name) == 1L && startsWith(name, "package:")
}

# These are attached in each process.
default_packages <- c("base", "datasets", "graphics", "grDevices", "methods", "stats", "utils")

add_package <- function(env, copy) {
  package <- sub("^package:", "", attr(env, "name", exact = TRUE))
  copy$packages <- union(copy$packages, setdiff(package, default_packages))
}

# The global environment is another process's own where it is used as a value. Any other is data: it
# goes with all that is in it, and so do the environments that it is in.
copy_environment <- function(env, copy) {
  if (isS4(env) || identical(env, globalenv())) return(env)
  around <- env
  while (is_mirrored(around) && !identical(around, globalenv())) {
    add_whole(around, copy)
    around <- parent.env(around)
  }
  mirror_of(env, copy)
}

add_whole <- function(env, copy) {
  if (!is.null(copy$whole$get(env))) return()
  copy$whole$set(env, TRUE)
  add_job(copy, function() copy_whole(env, copy))
}

# R6's objects have active bindings and locks. Attributes belong to data, a class for one; those of
# an environment that code is evaluated in are such as withr's handlers.
copy_whole <- function(env, copy) {
  mirror <- mirror_of(env, copy)
  attributes(mirror) <- attributes(env)
  copy_attributes(mirror, copy, 0L)
  if (inherits(env, "R6ClassGenerator")) copy_generator(env, mirror, copy)
  for (name in ls(env, all.names = TRUE)) {
    if (name != "..." && bindingIsActive(name, env)) {
      copy_active(env, name, mirror, copy)
    } else {
      copy_needed(env, name, copy)
    }
    is_locked <- name != "..." && bindingIsLocked(name, env)
    if (is_locked && has_variable(mirror, name)) lockBinding(name, mirror)
  }
  if (environmentIsLocked(env)) lockEnvironment(mirror)
}

copy_active <- function(env, name, mirror, copy) {
  if (has_variable(mirror, name)) return()
  makeActiveBinding(name, copy_value(activeBindingFunction(name, env), copy), mirror)
}

# R6 evaluates there which class is the parent's, and puts objects there.
copy_generator <- function(env, mirror, copy) {
  home <- get("parent_env", envir = env)
  assign("parent_env", mirror_of(home, copy), envir = mirror)
  copy_uses(uses_of_code(get0("inherit", envir = env, inherits = FALSE)), home, copy)
}

has_variable <- function(env, name) exists(name, envir = env, inherits = FALSE)

# ---- Variables ----------------------------------------------------------------------------------

# One whose promise fails, and an argument that is missing, isn't there: the item that uses it fails
# as it would here, though R tells it that there is no such variable.
copy_needed <- function(env, name, copy) {
  mirror <- mirror_of(env, copy)
  if (has_variable(mirror, name)) return()
  if (name == "...") return(copy_dots(env, mirror, copy))
  value <- value_of_variable(env, name)
  if (!is.null(value)) assign(name, copy_value(value[[1L]], copy), envir = mirror)
}

# In a list, or NULL. A promise that has failed before is evaluated again, of which R warns.
value_of_variable <- function(env, name) {
  tryCatch(
    withCallingHandlers(list(get(name, envir = env, inherits = FALSE)), warning = muffle_retry),
    error = function(cnd) NULL
  )
}

# Dots that are made anew have the values alone: those that are there lead to the frames of their
# callers.
copy_dots <- function(env, mirror, copy) {
  values <- tryCatch(withCallingHandlers(eval(quote(list(...)), env), warning = muffle_retry),
                     error = function(cnd) NULL)
  if (is.null(values)) return()
  if (length(values) == 0L) {
    return(list2env(list(... = quote(expr = )), envir = mirror)) # nolint: spaces_inside_linter.
  }
  values <- copy_value(values, copy)
  variables <- sprintf("argument_%d", seq_along(values))
  maker <- function(...) {
    list(...)
    environment()
  }
  symbols <- lapply(variables, as.name)
  names(symbols) <- names(values)
  names(values) <- variables
  frame <- eval(as.call(c(maker, symbols)), values, baseenv())
  assign("...", get("...", envir = frame), envir = mirror)
}

# ---- What code uses -----------------------------------------------------------------------------

copy_uses <- function(uses, home, copy) {
  copy_found(uses$names, home, copy, "any")
  copy_found(c(uses$functions, uses$texts), home, copy, "function")
  copy_methods(uses$functions, home, copy)
}

# R goes on looking for a function where a variable isn't one.
holds <- function(name, env, mode) {
  if (!has_variable(env, name)) return(FALSE)
  mode == "any" || is.function(value_of_variable(env, name)[[1L]])
}

# Copies each variable from the first environment that has it, from `env` on.
copy_found <- function(names, env, copy, mode) {
  while (length(names) > 0L && is_mirrored(env)) {
    is_global <- identical(env, globalenv())
    if (is_global) names <- not_looked_up(names, copy, mode)
    here <- vapply(names, holds, NA, env = env, mode = mode)
    for (name in names[here]) copy_needed(env, name, copy)
    names <- names[!here]
    if (is_global) return(copy_attached(names, copy, mode))
    env <- parent.env(env)
  }
}

not_looked_up <- function(names, copy, what) {
  names <- setdiff(names, copy$looked_up[[what]])
  if (length(names) > 0L) copy$looked_up[[what]] <- c(copy$looked_up[[what]], names)
  names
}

# What was attached and isn't a package is found as a global variable there.
copy_attached <- function(names, copy, mode) {
  env <- parent.env(globalenv())
  while (length(names) > 0L && !is_base(env)) {
    here <- vapply(names, holds, NA, env = env, mode = mode)
    if (any(here) && is_of_package(env)) {
      add_package(env, copy)
    } else {
      for (name in names[here]) copy_as_global(env, name, copy)
    }
    names <- names[!here]
    env <- parent.env(env)
  }
}

copy_as_global <- function(env, name, copy) {
  mirror <- mirror_of(globalenv(), copy)
  value <- value_of_variable(env, name)
  if (is.null(value) || has_variable(mirror, name)) return()
  assign(name, copy_value(value[[1L]], copy), envir = mirror)
}

# ---- Methods ------------------------------------------------------------------------------------

group_generics <- c("Ops", "Math", "Summary")

# R looks for S3 methods where a function is called: those whose names begin with that of a function
# that is used may be such.
copy_methods <- function(functions, env, copy) {
  generics <- c(functions, group_generics)
  while (is_mirrored(env)) {
    is_global <- identical(env, globalenv())
    if (is_global) generics <- not_looked_up(generics, copy, "methods")
    copy_found(methods_in(env, generics), env, copy, "function")
    if (is_global) return()
    env <- parent.env(env)
  }
}

methods_in <- function(env, generics) {
  if (length(generics) == 0L) return(character())
  names <- grep("[^.][.]", names(env), value = TRUE)
  if (length(names) == 0L) return(character())
  begun <- lapply(paste0(generics, "."), function(generic) names[startsWith(names, generic)])
  sort(unique(unlist(begun)), method = "radix")
}
