/// \file
/// The R objects of a call.
#ifndef LOMP_SRC_CALL_KEPT_H
#define LOMP_SRC_CALL_KEPT_H

namespace lomp {

/// The elements of a list that the call's handle keeps alive for as long as it is open.
enum Kept {
  kept_settings,   ///< see Settings; NULL when the items are over, whose data it holds
  kept_handler,    ///< R's on_event()
  kept_look,       ///< R's look()
  kept_results,    ///< the list of the results, see Places; or their vector, see VectorPlaces
  kept_first,      ///< of a vector: the first item's value, if it gives names
  kept_waiting,    ///< what has come and R has not taken, see Delivery
  kept_witness,    ///< see HeapHeadroom
  kept_generator,  ///< without workers: the generator in hand
  kept_stream,     ///< the `.Random.seed` with which it goes on
  kept_reply,      ///< on other machines: the records that are being taken in
  kept_said,       ///< and what items have said that waits for its turn
  kept
};

}  // namespace lomp

#endif
