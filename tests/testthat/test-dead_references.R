# Which results hold dead pointers, and in objects of which classes.

# These take too long for each of CRAN's machines.
skip_on_cran()

# A living pointer without a class.
bare_pointer <- function() {
  pointer <- getNativeSymbolInfo("unif_rand")$address
  attributes(pointer) <- NULL
  pointer
}

# The classes that lomp tells for the items' results; "none" where it says nothing.
told_of <- function(.f, .x = 1, run = lomp_map, workers = 1) {
  told <- NULL
  # Nothing of the results is kept: testthat would look at all of them, however deep they are.
  withCallingHandlers(as.list(run(.x, .f, .workers = workers)), warning = function(cnd) {
    told <<- c(told, list(list(class(cnd), cnd$classes)))
    tryInvokeRestart("muffleWarning")
  })
  if (is.null(told)) return("none")
  expect_identical(lapply(told, `[[`, 1), list(c("lomp_dead_reference", "warning", "condition")))
  told[[1]][[2]]
}

# Objects of the class "lomp_held" that hold a pointer in each way that R knows.
setClass("lomp_held", representation(value = "ANY"), where = globalenv())
held <- list(
  list = function() structure(list(1, bare_pointer()), class = c("lomp_held", "list")),
  second_class = function() structure(list(bare_pointer()), class = c("lomp_first", "lomp_held")),
  nested = function() structure(list(list(a = list(bare_pointer()))), class = "lomp_held"),
  attribute = function() structure(1:3, class = "lomp_held", pointer = bare_pointer()),
  attribute_before = function() structure(1:3, pointer = bare_pointer(), class = "lomp_held"),
  table = function() {
    structure(list(a = 1:2, b = letters[1:2]), row.names = 1:2, problems = bare_pointer(),
              class = c("lomp_held", "data.frame"))
  },
  pointer = function() structure(bare_pointer(), class = "lomp_held"),
  environment = function() structure(list2env(list(p = bare_pointer())), class = "lomp_held"),
  hashed = function() {
    structure(list2env(list(p = bare_pointer()), new.env(hash = TRUE)), class = "lomp_held")
  },
  enclosing = function() {
    structure(new.env(parent = list2env(list(p = bare_pointer()))), class = "lomp_held")
  },
  cyclic = function() {
    self <- list2env(list(p = bare_pointer()))
    self$self <- structure(self, class = "lomp_held")
  },
  s4 = function() new("lomp_held", value = list(bare_pointer())),
  s4_environment = function() new("lomp_held", value = list2env(list(p = bare_pointer()))),
  closure = function() {
    pointer <- bare_pointer()
    structure(function() pointer, class = "lomp_held")
  },
  promise = function() {
    later <- function(p) {
      force(p)
      function() p
    }
    structure(list(later(bare_pointer())), class = "lomp_held")
  },
  formula = function() {
    pointer <- bare_pointer()
    structure(quote(y ~ x), class = "lomp_held", .Environment = environment())
  },
  expression = function() structure(expression(a, b), class = "lomp_held", p = bare_pointer()),
  string = function() structure("a", class = "lomp_held", p = bare_pointer()),
  complex = function() structure(1i, class = "lomp_held", p = bare_pointer()),
  raw = function() structure(as.raw(1:3), class = "lomp_held", p = bare_pointer()),
  pairlist = function() structure(pairlist(a = 1, b = bare_pointer()), class = "lomp_held"),
  code = function() {
    structure(list(as.function(list(call("identity", bare_pointer())))), class = "lomp_held")
  }
)

test_that("the class of the object around a pointer is told, however it is held", {
  for (way in names(held)) {
    class <- if (way == "second_class") "lomp_first" else "lomp_held"
    inner <- if (way %in% c("closure", "code", "promise")) "function" else class
    told <- told_of(function(i) list(held[[way]]()))
    expect_true(told %in% c(class, inner), label = paste(way, "is told as", told))
  }
})

test_that("a pointer in an object of a harmless class isn't told, however it is held", {
  with_options(list(lomp.harmless_pointers = c("lomp_other", "lomp_held")), {
    for (way in names(held)) {
      make <- held[[way]]
      expect_identical(told_of(function(i) make()), "none", label = way)
      expect_identical(told_of(function(i) list(a = 1, b = list(make()))), "none", label = way)
    }
    all_of_them <- function(i) lapply(held, function(make) make())
    for (run in list(lomp_map, lomp_iterate)) {
      for (workers in 0:2) {
        expect_identical(told_of(all_of_them, 1:3, run, workers), "none")
      }
    }
  })
})

test_that("a reference object's pointers are in an object of its class", {
  Held <- setRefClass("LompHeld", fields = list(p = "ANY"), where = globalenv()) # nolint
  on.exit(removeClass("LompHeld", where = globalenv()))
  make <- function(i) Held$new(p = bare_pointer())
  expect_identical(told_of(make), "LompHeld")
  with_options(list(lomp.harmless_pointers = "LompHeld"), {
    expect_identical(told_of(make), "none")
    expect_identical(told_of(function(i) new("lomp_held", value = make())), "none")
  })
})

test_that("what is outside of harmless objects is told though others are inside", {
  other <- function() structure(list(bare_pointer()), class = "lomp_other")
  with_options(list(lomp.harmless_pointers = "lomp_held"), {
    for (run in list(lomp_map, lomp_iterate)) {
      for (workers in 1:2) {
        told <- told_of(function(i) list(held$list(), other(), held$s4()), 1:2, run, workers)
        expect_identical(told, c("lomp_other", "lomp_other"))
        told <- told_of(function(i) if (i == 2) other() else held$list(), 1:3, run, workers)
        expect_identical(told, "lomp_other")
      }
    }
    inside <- function(i) structure(list(other(), held$list()), class = "lomp_held")
    expect_identical(told_of(inside), "none")
  })
})

test_that("what is in a harmless object is told where something else holds it, too", {
  with_options(list(lomp.harmless_pointers = "lomp_held"), {
    shared <- function(i) {
      inner <- list2env(list(p = bare_pointer()))
      list(structure(list(inner), class = "lomp_held"), structure(list(inner), class = "lomp_too"))
    }
    expect_identical(told_of(shared), "lomp_too")
    expect_identical(told_of(function(i) rev(shared(i))), "lomp_too")
    twice <- function(i) {
      pointer <- bare_pointer()
      list(structure(list(pointer), class = "lomp_held"), pointer)
    }
    expect_identical(told_of(twice), "")
  })
})

test_that("the innermost class is told, a function's where there is none, else none", {
  expect_identical(told_of(function(i) bare_pointer()), "")
  expect_identical(told_of(function(i) list(list(bare_pointer()))), "")
  expect_identical(told_of(function(i) list2env(list(p = bare_pointer()))), "")
  hide <- function(i) {
    pointer <- bare_pointer()
    function() pointer
  }
  expect_identical(told_of(hide), "function")
  expect_identical(told_of(function(i) structure(list(held$list()), class = "outer")), "lomp_held")
  expect_identical(told_of(function(i) file(nullfile())), "file")
})

test_that("the class is found behind whatever else a result holds", {
  before <- list(
    1:10, 1:1e6, as.character(1:10), c("a", NA, "\u00e4"), NULL, TRUE, NA_real_, 1i, as.raw(1:9),
    factor(letters), as.POSIXlt("2020-01-01", tz = "UTC"), data.frame(a = 1:3),
    quote(f(, a)(b)), expression(a, b + 1),
    globalenv(), baseenv(), emptyenv(), topenv(), asNamespace("stats"), sum, `if`, stats::lm,
    y ~ x, new.env(), pairlist(a = 1, 2), function(x, ...) x + 1, methods::getClass("numeric"),
    compiler::cmpfun(function(x) for (i in x) if (i > 1) quote(a + b) else quote(a + b)),
    as.list(asNamespace("compiler"), all.names = TRUE), bquote(.(structure(1, class = "b")) + 1)
  )
  for (k in seq_along(before)) {
    make <- function(i) list(before[[k]], before[[k]], held$list())
    expect_identical(told_of(make), "lomp_held", label = paste("behind value", k))
  }
})

test_that("deep and long results are looked through", {
  deep <- function(n) {
    value <- held$list()
    for (k in seq_len(n)) value <- list(value)
    value
  }
  expect_identical(told_of(function(i) deep(5000)), "lomp_held")
  long <- as.pairlist(as.list(1:2000))
  expect_identical(told_of(function(i) list(long, held$list())), "lomp_held")
  many <- function(i) lapply(1:1e4, function(k) held$list())
  expect_identical(told_of(many), "lomp_held")
  with_options(list(lomp.harmless_pointers = "lomp_held"), {
    expect_identical(told_of(function(i) deep(5000)), "none")
    expect_identical(told_of(many), "none")
  })
})

test_that("items that emit are told of once, at the end", {
  emit_some <- function(i, emit) {
    emit(1)
    emit(held$list())
    emit(structure(list(bare_pointer()), class = "lomp_other"))
  }
  warnings <- warnings_of(as.list(lomp_iterate(1:2, emit_some, .workers = 2, .ordered = TRUE)))
  expect_length(warnings, 1)
  expect_identical(warnings[[1]]$items, c(1, 2))
  expect_identical(warnings[[1]]$classes, c("lomp_held", "lomp_held"))
})

test_that("a look at a promise doesn't force it, and one at a binding doesn't call it", {
  make <- function(i) {
    place <- list2env(list(p = bare_pointer()))
    delayedAssign("later", stop("forced"), assign.env = place)
    place
  }
  result <- NULL
  expect_length(warnings_of(result <- lomp_map(1, make, .workers = 1)), 1)
  expect_error(result[[1]]$later, "forced")
})
