# Objects whose external pointers needn't be alive.

# Classes whose objects are as good as before where their pointers are dead, since they make them
# again when they need them, or get by without. For S4 and reference objects, the class itself: one
# of these won't do for those that extend it. To be extended for classes of which that was seen.
harmless_classes <- c(
  "recordedplot",  # grDevices: replayPlot() looks its native symbols up again
  "merPredD", "lmResp", "lmerResp", "glmResp", "nlsResp",  # lme4: what is in all of its models
  "thpr",  # lme4: profiles, in whose functions its native symbols lie about
  "spec_tbl_df",  # readr, vroom: only problems() is lost
  "response"  # httr: its handle isn't used any more
)

# These, and those of the user's.
harmless_pointers <- function() {
  classes <- getOption("lomp.harmless_pointers")
  if (is.null(classes)) return(harmless_classes)
  if (!is.character(classes) || anyNA(classes)) {
    stop_argument("option lomp.harmless_pointers", "must be a character vector of classes",
                  describe_value(classes))
  }
  c(harmless_classes, classes)
}
