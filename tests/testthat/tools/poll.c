/* Waits for a descriptor as an event loop would. */
#include <poll.h>

/* `ready` becomes 1 if it is readable within so many milliseconds, or else 0; -1 if it isn't open. */
void poll_fd(int *fd, int *milliseconds, int *ready) {
  struct pollfd one = {*fd, POLLIN, 0};
  const int n = poll(&one, 1, *milliseconds);
  *ready = n > 0 && (one.revents & POLLNVAL) ? -1 : n > 0;
}
