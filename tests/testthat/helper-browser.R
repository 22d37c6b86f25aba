# A headless Chromium, driven by its driver: requests of the W3C's WebDriver protocol.

skip_without_browser <- function() {
  skip_on_cran()
  skip_without_proc()
  for (package in c("shiny", "promises", "curl", "jsonlite", "processx")) {
    skip_if_not_installed(package)
  }
  skip_if(!nzchar(Sys.which("chromedriver")) || !nzchar(Sys.which("chromium")), "no Chromium")
}

# A port of this machine that nobody listens at.
free_port <- function() {
  for (port in sample(20000:30000, 50)) {
    taken <- tryCatch(socketConnection(port = port, timeout = 1), error = function(e) NULL,
                      warning = function(w) NULL)
    if (is.null(taken)) return(port)
    close(taken)
  }
  stop("no port is free")
}

# An answer of the driver, or NULL if nobody answers.
ask_driver <- function(browser, method, path, body = NULL) {
  handle <- curl::new_handle(customrequest = method, connecttimeout = 2)
  curl::handle_setheaders(handle, "Content-Type" = "application/json")
  if (!is.null(body)) {
    curl::handle_setopt(handle, postfields = jsonlite::toJSON(body, auto_unbox = TRUE))
  }
  url <- sprintf("http://127.0.0.1:%d%s", browser$port, path)
  answer <- tryCatch(curl::curl_fetch_memory(url, handle), error = function(cnd) NULL)
  if (!is.null(answer)) jsonlite::fromJSON(rawToChar(answer$content), simplifyVector = FALSE)$value
}

# Ends with the test that asks for it.
start_browser <- function(env = parent.frame()) {
  browser <- list(port = free_port())
  home <- withr::local_tempdir(.local_envir = env)
  driver <- processx::process$new("chromedriver", paste0("--port=", browser$port),
                                  env = c("current", HOME = home, TMPDIR = home),
                                  cleanup_tree = TRUE)
  withr::defer(driver$kill_tree(), env)
  is_up <- wait_until(isTRUE(ask_driver(browser, "GET", "/status")$ready))
  if (!is_up) stop("the browser's driver doesn't answer")
  flags <- c("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
  wanted <- list(browserName = "chrome", "goog:chromeOptions" = list(args = as.list(flags)))
  session <- ask_driver(browser, "POST", "/session",
                        list(capabilities = list(alwaysMatch = wanted)))
  browser$session <- paste0("/session/", session$sessionId)
  withr::defer(ask_driver(browser, "DELETE", browser$session), env)
  browser
}

go_to <- function(browser, url) {
  ask_driver(browser, "POST", paste0(browser$session, "/url"), list(url = url))
}

# The tab that is looked at; the browser goes on with a new one.
close_tab <- function(browser) {
  ask <- function(method, path, body = NULL) {
    ask_driver(browser, method, paste0(browser$session, "/window", path), body)
  }
  new_tab <- ask("POST", "/new", list(type = "tab"))$handle
  ask("DELETE", "")
  ask("POST", "", list(handle = new_tab))
}

# What a piece of JavaScript in the page returns.
in_page <- function(browser, script) {
  ask_driver(browser, "POST", paste0(browser$session, "/execute/sync"),
             list(script = script, args = list()))
}

# What an asynchronous one gives to `done`.
later_in_page <- function(browser, script) {
  script <- paste("const done = arguments[0];", script)
  ask_driver(browser, "POST", paste0(browser$session, "/execute/async"),
             list(script = script, args = list()))
}

# ---- Photographs --------------------------------------------------------------------------------

# Noise: `width` hundreds of pixels of it take a worker some hundredths of a second each.
save_photo <- function(path, seed, width = 12) {
  withr::local_seed(seed)
  noise <- array(stats::runif(3e5), c(1000, 100, 3))
  png::writePNG(noise[, rep(1:100, width), ], path)
}
