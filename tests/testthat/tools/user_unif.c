// A generator for RNGkind("user-supplied"), whose state nobody else can set.
static unsigned state = 1;
static int count = 0;

double *user_unif_rand(void) {
  static double value;
  state = 1664525u * state + 1013904223u;
  ++count;
  value = (state + 0.5) / 4294967296.0;
  return &value;
}

void user_unif_restart(void) {
  state = 1;
  count = 0;
}

void user_unif_count(int *out) { *out = count; }
