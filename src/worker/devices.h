/// \file
/// Graphics devices that a worker inherits.
#ifndef LOMP_SRC_WORKER_DEVICES_H
#define LOMP_SRC_WORKER_DEVICES_H

namespace lomp {

/// In a worker: from now on the devices that its parent has open draw nothing here, and to close
/// one ends nothing. Their files, windows and connections are the parent's, and one page more or a
/// second end would damage them. Devices that the worker opens itself work.
void silence_devices();

}  // namespace lomp

#endif
