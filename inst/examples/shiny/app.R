# A Shiny app that analyses the photographs of a folder with lomp's workers and answers meanwhile:
# tiles appear as photographs are done, a click on one shows its scores at once, Cancel ends the
# workers, and so does the browser that goes away. Run it by
#
#   R -e 'shiny::runApp(system.file("examples/shiny", package = "lomp"))'
#
# The folder is that of photos.R, or what the variable LOMP_PHOTOS of the environment says.
library(shiny)

# How photographs are read, scored and made small; see there.
photos <- new.env()
sys.source(system.file("examples", "photos.R", package = "lomp", mustWork = TRUE), photos)

folder <- Sys.getenv("LOMP_PHOTOS", photos$default_folder)

# What a worker does with one photograph: nothing of it but a thumbnail and its scores comes back.
analyse_file <- function(path) {
  photo <- photos$read_photo(path)
  small <- photos$thumbnail(photo, 240, 160)
  list(png = png::writePNG(small), scores = photos$analyse_photo(photo))
}

# ---- What is seen --------------------------------------------------------------------------------

style <- "
  body { background: #1b1d21; color: #f2f2ef; font-family: sans-serif; margin: 2em; }
  progress { width: 20em; margin: 0 1em; accent-color: #e0a458; }
  button { padding: 0.4em 1.2em; }
  #tiles { display: flex; flex-wrap: wrap; gap: 14px; margin-top: 1.5em; }
  .tile { display: block; color: #9aa0a8; text-decoration: none; font-size: 0.8em; }
  .tile img { display: block; height: 160px; margin-bottom: 4px; }
  table { margin-top: 1em; } td, th { padding: 2px 14px 2px 0; text-align: left; }
"

ui <- fluidPage(
  tags$head(tags$style(HTML(style))),
  h2("Photographs"),
  actionButton("start", "Analyse"), actionButton("cancel", "Cancel"),
  uiOutput("bar", inline = TRUE),
  tableOutput("detail"),
  div(id = "tiles")
)

progress_bar <- function(state) {
  tagList(tags$progress(id = "done", value = state$done, max = state$n), state$words)
}

tile_of <- function(k, name, result) {
  source <- paste0("data:image/png;base64,", httpuv::rawToBase64(result$png))
  # A click on it is an input of the app: the number of the photograph.
  click <- sprintf("Shiny.setInputValue('chosen', %d, {priority: 'event'}); return false", k)
  tags$a(href = "#", class = "tile", onclick = click, tags$img(src = source), name)
}

table_of <- function(name, scores) {
  figures <- unlist(scores[c("sharpness", "edges", "colourful", "bright", "contrast", "entropy")])
  data.frame(photograph = name, t(signif(figures, 3)))
}

# ---- What happens --------------------------------------------------------------------------------

server <- function(input, output, session) {
  it <- NULL                     # the iterator whose workers are at work, one for each browser
  results <- list()              # by the photographs' numbers
  state <- reactiveValues(done = 0, n = 1, words = "")

  # Ends the workers, whatever they do: nothing of a photograph half done is waited for.
  stop_workers <- function() if (!is.null(it)) it(close = TRUE)

  finish <- function(words) {
    it <<- NULL
    state$words <- words
  }

  show_result <- function(result, item) {
    results[[as.character(item)]] <<- list(name = names(item), scores = result$scores)
    insertUI("#tiles", "beforeEnd", tile_of(item, names(item), result), immediate = TRUE)
    state$done <- state$done + 1
  }

  # Nobody waits here: the promise of the next result is kept while the app goes on with all else.
  take_next <- function(running) {
    promises::then(
      promises::as.promise(running),
      function(result) {
        if (!identical(running, it)) return()
        if (lomp::lomp_done(result)) return(finish("Done."))
        show_result(result, lomp::lomp_item(running))
        take_next(running)
      },
      function(reason) finish(paste("Ended by an error:", conditionMessage(reason)))
    )
    invisible()                  # an observer that returns a promise is waited for
  }

  observeEvent(input$start, {
    stop_workers()
    removeUI("#tiles > *", multiple = TRUE, immediate = TRUE)
    results <<- list()
    files <- photos$find_photos(folder)
    state$done <- 0
    state$n <- length(files)
    state$words <- "At work ..."
    it <<- lomp::lomp_iterate(files, analyse_file)
    take_next(it)
  })

  observeEvent(input$cancel, {
    if (is.null(it)) return()
    stop_workers()
    finish("Cancelled.")
  })

  session$onSessionEnded(stop_workers)

  output$bar <- renderUI(progress_bar(state))
  output$detail <- renderTable({
    chosen <- results[[as.character(req(input$chosen))]]
    table_of(chosen$name, chosen$scores)
  })
}

shinyApp(ui, server)
