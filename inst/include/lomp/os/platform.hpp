// Side: any process.
/// \file
/// What differs between systems. The folders linux/ and posix/ have headers of the same names, with
/// the same functions and contracts: once as Linux has it, once as far as every POSIX system does.
/// This is the only place of the core that asks which system it is on; .ci/checks/layers.sh fails
/// where another header does. A port is a third folder.
///
/// LOMP_PORTABLE builds on Linux what other systems get, so that it can be tested there.
#ifndef LOMP_OS_PLATFORM_HPP
#define LOMP_OS_PLATFORM_HPP

#if defined(__linux__) && !defined(LOMP_PORTABLE)
#define LOMP_LINUX 1
#include "lomp/os/linux/descriptors.hpp"
#include "lomp/os/linux/memory.hpp"
#include "lomp/os/linux/poll_descriptor.hpp"
#include "lomp/os/linux/process_table.hpp"
#include "lomp/os/linux/processes.hpp"
#include "lomp/os/linux/processors.hpp"
#include "lomp/os/linux/signal_timer.hpp"
#include "lomp/os/linux/sockets.hpp"
#include "lomp/os/linux/stdio_buffers.hpp"
#else
#define LOMP_LINUX 0
#include "lomp/os/posix/descriptors.hpp"
#include "lomp/os/posix/memory.hpp"
#include "lomp/os/posix/poll_descriptor.hpp"
#include "lomp/os/posix/process_table.hpp"
#include "lomp/os/posix/processes.hpp"
#include "lomp/os/posix/processors.hpp"
#include "lomp/os/posix/signal_timer.hpp"
#include "lomp/os/posix/sockets.hpp"
#include "lomp/os/posix/stdio_buffers.hpp"
#endif

#endif
