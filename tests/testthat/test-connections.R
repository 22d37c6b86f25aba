# A worker has no part in the connections that its session has open.

skip_on_cran()

# ---- HTTP ---------------------------------------------------------------------------------------

# Clients keep descriptors for ever, from when their packages are loaded, and programs that tests
# start would have them, too: so this is done in processes of their own.
skip_without <- function(package) {
  skip_if(!nzchar(system.file(package = package)), paste(package, "isn't installed"))
}

# Answers each request with its path and the connection's other port, until the test that calls this
# is over; the first few take it longer, so that they meet others. Gives its own port.
local_server <- function(frame = parent.frame()) {
  skip_without("httpuv")
  run <- start_r(quote({
    requests <- 0
    answer <- function(request) {
      requests <<- requests + 1
      if (requests <= 10) Sys.sleep(0.1)
      list(status = 200L, headers = list(), body = paste(request$PATH_INFO, request$REMOTE_PORT))
    }
    port <- httpuv::randomPort()
    server <- httpuv::startServer("127.0.0.1", port, list(call = answer))
    note(port)
    end <- Sys.time() + 300
    while (Sys.time() < end) httpuv::service(1000)
  }))
  withr::defer({
    end_run(run)
    finish_r(run)
  }, frame)
  if (!wait_until(nrow(ledger_of(run)) == 1L)) stop(told(finish_r(run, 0)))
  ledger_of(run)$text
}

# How a script fetches what is at an address.
http <- list(
  curl = function(address) rawToChar(curl::curl_fetch_memory(address)$content),
  httr = function(address) httr::content(httr::GET(address), "text", encoding = "UTF-8")
)

address_at <- function(port) {
  force(port)
  function(path) sprintf("http://127.0.0.1:%s/%s", port, path)
}

# Two hundred requests, one an item, by a session that keeps a connection to the server alive. Each
# answer is that of its request, also those to the session before, meanwhile and afterwards. The
# first requests of so many workers are made at the same time.
expect_own_answers <- function(client, map, workers = 4) {
  skip_without(client)
  values <- list(fetch = http[[client]], address = address_at(local_server()), map = map,
                 workers = workers)
  run <- run_r(values = values, seconds = 120, code = {
    library(lomp)
    first <- fetch(address("first"))
    dir.create("begun")
    await_others <- function() {
      mine <- file.path("begun", Sys.getpid())
      if (file.create(mine)) wait_until(length(list.files("begun")) >= workers)
    }
    answers <- map(1:200, function(i) {
      await_others()
      fetch(address(i))
    })
    after <- vapply(paste0("after", 1:5), function(path) fetch(address(path)), "")
    give(list(first = first, answers = answers, after = after))
  })
  path <- function(answers) sub(" .*", "", unlist(answers))
  connection <- function(answers) sub(".* ", "", unlist(answers))
  expect_identical(path(run$value$first), "/first", info = told(run))
  expect_identical(path(run$value$answers), sprintf("/%d", 1:200))
  expect_identical(path(run$value$after), sprintf("/after%d", 1:5), ignore_attr = TRUE)
  # The session goes on with the connection that it had, and no item has used that.
  expect_identical(unique(connection(run$value$after)), connection(run$value$first))
  expect_false(connection(run$value$first) %in% connection(run$value$answers))
}

test_that("requests in items get their own answers where the session has a connection alive", {
  map <- function(x, f) lomp_map(x, f, .workers = 4, .timeout = 20)
  expect_own_answers("curl", map)
  expect_own_answers("httr", map)
})

test_that("requests in an iterator's items get their own answers", {
  expect_own_answers("curl", function(x, f) {
    it <- lomp_iterate(x, f, .workers = 4, .timeout = 20, .ordered = TRUE)
    # The session's own connection is in use while workers use theirs.
    for (k in 1:5) stopifnot(grepl("^/between ", fetch(address("between"))))
    as.list(it)
  })
})

test_that("requests by workers of a worker get their own answers", {
  expect_own_answers("curl", function(x, f) {
    by_tens <- lomp_map(split(x, (x - 1) %/% 10), function(ten) {
      stopifnot(grepl("^/outer ", fetch(address("outer"))))
      lomp_map(ten, f, .workers = 2)
    }, .workers = 2, .timeout = 60)
    unlist(unname(by_tens), recursive = FALSE)
  }, workers = 2)
})

# ---- Sockets of R's own -------------------------------------------------------------------------

# Two ends of a connection in this process, and the socket that listens.
local_connection <- function(frame = parent.frame()) {
  skip_if(getRversion() < "4.0.0", "serverSocket() is of R 4.0.0")
  for (port in 20000 + sample.int(20000, 50)) {
    listening <- tryCatch(serverSocket(port), error = function(cnd) NULL)
    if (!is.null(listening)) break
  }
  client <- socketConnection(port = port, open = "r+", blocking = TRUE, timeout = 20)
  server <- socketAccept(listening, open = "r+", blocking = TRUE, timeout = 20)
  withr::defer(for (con in list(client, server, listening)) close(con), frame)
  list(client = client, server = server, listening = listening)
}

sockets <- function() {
  files <- Sys.readlink(file.path("/proc/self/fd", descriptors()))
  grep("^socket:", files, value = TRUE)
}

test_that("a socket of the session is at its end in an item and unharmed in the session", {
  ends <- with_seed(1, local_connection())
  writeLines("question", ends$server)
  item <- function(i) {
    writeLines("from an item", ends$client)
    accept <- function() suppressWarnings(socketAccept(ends$listening, timeout = 20))
    list(readLines(ends$client, 1), tryCatch(accept(), error = function(cnd) "nobody can connect"))
  }
  took <- seconds(heard <- lomp_map(1:2, item, .workers = 2))
  expect_identical(heard, rep(list(list(character(), "nobody can connect")), 2))
  expect_lt(took, 15)
  expect_identical(readLines(ends$client, 1), "question")
  writeLines("answer", ends$client)
  expect_identical(readLines(ends$server, 1), "answer")
})

test_that("workers share the session's sockets if they are to keep them", {
  skip_without_proc()
  ends <- with_seed(2, local_connection())
  own <- sockets()
  expect_gte(length(own), 3L)
  shared <- function(keep, map) {
    in_worker <- with_options(list(lomp.keep_connections = keep), map(1, function(i) sockets()))
    sum(own %in% in_worker[[1]])
  }
  for (map in list(lomp_map, function(...) as.list(lomp_iterate(...)))) {
    one_worker <- function(x, f) map(x, f, .workers = 1)
    expect_identical(shared(TRUE, one_worker), length(own))
    expect_identical(shared(FALSE, one_worker), 0L)
    expect_identical(shared(NULL, one_worker), 0L)
  }
})

test_that("what the option may be is checked", {
  for (value in list("yes", NA, 1, c(TRUE, TRUE))) {
    with_options(list(lomp.keep_connections = value), {
      expect_argument_error(lomp_map(1:3, identity, .workers = 2), "option lomp.keep_connections")
    })
  }
  expect_messages(
    caught(with_options(list(lomp.keep_connections = "yes"), lomp_iterate(1:3, identity)))
  )
})

# ---- Servers and programs of the session --------------------------------------------------------

test_that("a server in the session goes on whatever items do to it", {
  skip_without("httpuv")
  skip_without("curl")
  run <- run_r({
    library(lomp)
    port <- httpuv::randomPort()
    answer <- function(request) list(status = 200L, headers = list(), body = request$PATH_INFO)
    server <- httpuv::startServer("127.0.0.1", port, list(call = answer))
    lomp_map(1:4, function(i) httpuv::stopServer(server), .workers = 2, .timeout = 20)
    heard <- NULL
    note_answer <- function(response) heard <<- rawToChar(response$content)
    curl::curl_fetch_multi(sprintf("http://127.0.0.1:%d/question", port), done = note_answer)
    wait_until({
      curl::multi_run(0.01)
      httpuv::service(10)
      !is.null(heard)
    })
    give(heard)
  })
  expect_identical(run$value, "/question", info = told(run))
})

test_that("a program that the session talks to hears and tells nobody else", {
  skip_without("processx")
  run <- run_r({
    library(lomp)
    program <- processx::process$new("cat", stdin = "|", stdout = "|")
    item <- function(i) {
      tryCatch(program$write_input("from an item\n"), error = function(cnd) NULL)
      tryCatch(program$read_output(), error = function(cnd) "")
    }
    items <- lomp_map(1:4, item, .workers = 2, .timeout = 20)
    program$write_input("from the session\n")
    program$poll_io(20000)
    give(list(items = items, heard = program$read_output_lines()))
    program$kill()
  })
  expect_identical(run$value$items, rep(list(""), 4), info = told(run))
  expect_identical(run$value$heard, "from the session")
})

# ---- A database's client ------------------------------------------------------------------------

# To compile this package takes longer than all other tests of this file, so only those who have it
# run the test with it.
client <- "RPostgres"

# A PostgreSQL server that listens in a folder of its own, which the test that calls this ends.
local_postgres <- function(frame = parent.frame()) {
  skip_without(client)
  programs <- rev(Sys.glob("/usr/lib/postgresql/*/bin"))
  skip_if(length(programs) == 0L, "no PostgreSQL server")
  folder <- tempfile("lomp-postgres", dirname(tempdir()))  # others can't look into tempdir()
  dir.create(folder)
  Sys.chmod(folder, "777", use_umask = FALSE)
  # It refuses to run as root.
  other <- if (Sys.info()[["effective_user"]] == "root") {
    "setpriv --reuid=nobody --regid=nogroup --clear-groups"
  }
  run <- function(program, ...) {
    words <- c(other, file.path(programs[[1L]], program), "-D", file.path(folder, "data"), ...)
    system(paste(c(words, ">/dev/null 2>&1"), collapse = " "))
  }
  withr::defer({
    run("pg_ctl", "-m immediate stop")
    unlink(folder, recursive = TRUE)
  }, frame)
  begun <- run("initdb", "-A trust -U lomp --no-sync --locale=C") == 0L &&
    run("pg_ctl", "-w -l", file.path(folder, "data", "log"), "-o",
        shQuote(paste("-F -c listen_addresses= -k", folder)), "start") == 0L
  skip_if_not(begun, "the PostgreSQL server can't be started")
  folder
}

test_that("a database's connection is dead in items and unharmed in the session", {
  folder <- local_postgres()
  connect <- getExportedValue("DBI", "dbConnect")
  query <- getExportedValue("DBI", "dbGetQuery")
  ask <- function(i) query(db, sprintf("select %d as i, pg_backend_pid() as server", i))
  db <- connect(getExportedValue(client, "Postgres")(), host = folder, user = "lomp",
                dbname = "postgres")
  withr::defer(getExportedValue("DBI", "dbDisconnect")(db), priority = "first")
  ours <- ask(0)$server
  took <- seconds(suppressWarnings(
    answers <- lomp_map(1:40, ask, .workers = 4, .on_error = "collect", .timeout = 20)
  ))
  ok <- lomp_ok(answers)
  expect_lt(took, 15)
  expect_identical(vapply(answers[ok], function(a) a$i, 0L), which(ok))
  expect_false(ours %in% vapply(answers[ok], function(a) a$server, 0L))
  expect_gt(sum(!ok), 0L)
  for (failure in answers[!ok]) expect_match(conditionMessage(failure), "closed the connection")
  for (k in 1:3) expect_identical(ask(k), data.frame(i = k, server = ours))
})
