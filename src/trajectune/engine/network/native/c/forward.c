/* The forward pass: packed tokens in, logits at chosen places out, over the engine's cache. */
#include <omp.h>

#include "attention.h"
#include "attention_tiles.h"
#include "model.h"
#include "product.h"

#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { ALIGNED = 64, UNKNOWN_TOKEN = 1, NO_SUCH_POSITION, NO_SUCH_SLOT, NO_SUCH_PLACE };

typedef struct { /* what attention needs, all but `run` once for each thread */
  float *scores;
  bf16 *weights, *paired, *spare;
  int *run;    /* where each run of tokens that attend together begins, and behind the last one their number */
  int runs;
  long stride; /* of the scores of one query */
} Attention;

typedef struct { /* all that a pass needs beside its inputs and outputs */
  float *hidden, *normed, *heads, *mixed, *inner, *between;
  bf16 *queries, *narrowed;
  Input input;
  Attention attention;
  size_t bytes;
} Room;

static void *take(char *base, size_t *used, size_t bytes) {
  void *found = base ? base + *used : NULL;
  *used += (size_t)padded((long)bytes, ALIGNED);
  return found;
}

static long widest_rank(const Model *m) {
  long most = 0;
  for (int i = 0; i <= m->layers; i++) {
    const Layer *l = m->layer + i;
    const Product *all[] = {&l->query_key_value, &l->output, &l->gate_up, &l->down};
    for (int j = 0; j < (i < m->layers ? 4 : 1); j++) {
      const Product *p = i < m->layers ? all[j] : &m->head;
      for (int k = 0; k < p->low_ranks; k++) most = larger((int)most, p->low_rank[k].down.outputs);
    }
  }
  return most;
}

/* Cuts `base` (NULL: only measures) into what a pass of `count` tokens needs. */
static Room cut(const Model *m, int count, int capacity, int threads, char *base) {
  const long stride = padded(capacity, 4 * BLOCK), queries = (long)threads * larger(m->heads / m->kv_heads, BLOCK);
  Room r = {.attention.stride = stride};
  size_t used = 0;
  const long rows = padded(count, 2 * BLOCK), heads = (long)m->heads * m->head_dim;
  const long widest = larger(larger(m->hidden, (int)heads), m->inner), groups = padded(widest, GROUP) / GROUP;
  const long rank = widest_rank(m);
  r.attention.run = take(base, &used, sizeof(int) * (rows + 1));
  r.hidden = take(base, &used, sizeof(float) * rows * m->hidden);
  r.normed = take(base, &used, sizeof(float) * rows * m->hidden);
  r.heads = take(base, &used, sizeof(float) * rows * (m->heads + 2 * m->kv_heads) * m->head_dim);
  r.mixed = take(base, &used, sizeof(float) * rows * heads);
  r.inner = take(base, &used, sizeof(float) * rows * 2 * m->inner);
  r.attention.scores = take(base, &used, sizeof(float) * queries * stride);
  r.attention.weights = take(base, &used, sizeof(bf16) * queries * stride);
  r.attention.paired = take(base, &used, sizeof(bf16) * queries * m->head_dim);
  r.attention.spare = take(base, &used, sizeof(bf16) * queries * m->head_dim);
  r.between = take(base, &used, sizeof(float) * rows * rank);
  r.narrowed = take(base, &used, sizeof(bf16) * rows * rank);
  r.queries = take(base, &used, sizeof(bf16) * rows * heads);
  r.input.rows = take(base, &used, sizeof(bf16) * rows * widest);
  r.input.tiles = take(base, &used, sizeof(bf16) * rows * widest);
  r.input.bytes.bytes = take(base, &used, (size_t)(rows * groups * GROUP));
  r.input.bytes.scale = take(base, &used, sizeof(float) * rows * groups);
  r.input.bytes.sum = take(base, &used, sizeof(int32_t) * rows * groups);
  r.bytes = used;
  return r;
}

static int check(const Model *m, const Cache *c, const Batch *b) {
  for (int i = 0; i < b->count; i++) {
    if (b->token[i] < 0 || b->token[i] >= m->vocabulary) return UNKNOWN_TOKEN;
    if (b->position[i] < 0 || b->position[i] >= c->capacity) return NO_SUCH_POSITION;
    if (b->slot[i] < 0 || b->slot[i] >= c->slots) return NO_SUCH_SLOT;
  }
  for (int i = 0; i < b->places; i++)
    if (b->place[i] < 0 || b->place[i] >= b->count) return NO_SUCH_PLACE;
  return 0;
}

/* Norms and turns a token's heads, and writes keys and values to the cache. */
static void settle_heads(const Model *m, const Layer *l, int layer, const Cache *c, const Batch *b, int token,
                         const Room *r) {
  const int size = m->head_dim, half = size / 2, turning = m->heads + m->kv_heads;
  const long position = b->position[token];
  float *row = r->heads + (long)token * (turning + m->kv_heads) * size;
  for (int h = 0; h < turning; h++) {
    float *head = row + (long)h * size;
    if (l->head_norm) norm(head, l->head_norm + (long)h * size, size, m->epsilon, head);
    if (l->turns) rotate(head, c->cos + position * half, c->sin + position * half, half);
  }
  for (long i = 0; i < (long)m->heads * size; i++) row[i] *= m->scale;
  narrow(row, m->heads * size, r->queries + (long)token * m->heads * size);
  for (int h = 0; h < m->kv_heads; h++) {
    const long at = ((b->slot[token] * m->kv_heads + h) * (long)c->capacity + position) * size;
    narrow(row + (long)(m->heads + h) * size, size, c->keys[layer] + at);
    narrow(row + (long)(turning + h) * size, size, c->values[layer] + at);
  }
}

#ifdef __AMX_BF16__
static int attends_by_tiles(const Model *m) { return m->head_dim % STEP == 0 && m->heads / m->kv_heads <= TILE; }
#else
static int attends_by_tiles(const Model *m) { return (void)m, 0; }
#endif

/* Tokens that follow each other in a slot attend together, as many as make a tile of queries. */
static void find_runs(const Model *m, const Batch *b, Attention *a) {
  const int most = attends_by_tiles(m) ? BLOCK / (m->heads / m->kv_heads) : 1;
  a->runs = 0;
  for (int t = 0, length = 0; t < b->count; t++) {
    const int follows = t && b->slot[t] == b->slot[t - 1] && b->position[t] == b->position[t - 1] + 1;
    length = follows && length < most ? length + 1 : 1;
    if (length == 1) a->run[a->runs++] = t;
  }
  a->run[a->runs] = b->count;
}

static void attend_to_cache(const Model *m, int layer, const Cache *c, const Batch *b, int item, const Room *r) {
  const int run = item / m->kv_heads, head = item % m->kv_heads, shared = m->heads / m->kv_heads;
  const int size = m->head_dim, thread = omp_get_thread_num(), window = c->windows[layer];
  const Attention *a = &r->attention;
  const int begin = a->run[run], stop = a->run[run + 1];
  const long at = (b->slot[begin] * m->kv_heads + head) * (long)c->capacity * size;
  const bf16 *keys = c->keys[layer] + at, *values = c->values[layer] + at;
  float *scores = a->scores + thread * larger(shared, BLOCK) * a->stride;
#ifdef __AMX_BF16__
  if (attends_by_tiles(m)) {
    Queries q = {0};
    for (int t = begin; t < stop; t++)
      for (int h = head * shared; h < (head + 1) * shared; h++, q.count++) {
        const int i = q.count, end = (int)b->position[t] + 1;
        q.query[i] = r->queries + ((long)t * m->heads + h) * size;
        q.mixed[i] = r->mixed + ((long)t * m->heads + h) * size;
        q.end[i] = end, q.first[i] = window && end > window ? end - window : 0;
      }
    const long own = (long)thread * TILE;
    attend_tiles(&q, keys, values, c->capacity, size, scores, a->weights + own * a->stride, a->stride,
                 (uint32_t *)(a->paired + own * size), a->spare + own * size);
    return;
  }
#endif
  for (int t = begin; t < stop; t++) {
    const int end = (int)b->position[t] + 1, first = window && end > window ? end - window : 0;
    const long own = ((long)t * m->heads + (long)head * shared) * size;
    attend(shared, r->queries + own, keys + (long)first * size, values + (long)first * size, end - first, size, scores,
           a->stride, r->mixed + own);
  }
}

static void compute_layer(const Model *m, int layer, const Cache *c, const Batch *b, const Room *r) {
  const Layer *l = m->layer + layer;
  const int count = b->count, hidden = m->hidden;
#pragma omp for schedule(static)
  for (int t = 0; t < count; t++) {
    float *normed = r->normed + (long)t * hidden;
    norm(r->hidden + (long)t * hidden, l->attention_norm, hidden, m->epsilon, normed);
    round_row(&l->query_key_value, normed, t, &r->input);
  }
  multiply_rows(&l->query_key_value, &r->input, count, r->heads, 0, r->between, r->narrowed);
#pragma omp for schedule(static)
  for (int t = 0; t < count; t++) settle_heads(m, l, layer, c, b, t, r);
#pragma omp for schedule(dynamic, 1)
  for (int i = 0; i < r->attention.runs * m->kv_heads; i++) attend_to_cache(m, layer, c, b, i, r);
#pragma omp for schedule(static)
  for (int t = 0; t < count; t++) round_row(&l->output, r->mixed + (long)t * l->output.inputs, t, &r->input);
  multiply_rows(&l->output, &r->input, count, r->hidden, 1, r->between, r->narrowed);
#pragma omp for schedule(static)
  for (int t = 0; t < count; t++) {
    float *normed = r->normed + (long)t * hidden;
    norm(r->hidden + (long)t * hidden, l->mlp_norm, hidden, m->epsilon, normed);
    round_row(&l->gate_up, normed, t, &r->input);
  }
  multiply_rows(&l->gate_up, &r->input, count, r->inner, 0, r->between, r->narrowed);
#pragma omp for schedule(static)
  for (int t = 0; t < count; t++) {
    float *gate = r->inner + 2L * t * m->inner;
    activate(gate, gate + m->inner, m->inner);
    round_row(&l->down, gate, t, &r->input);
  }
  multiply_rows(&l->down, &r->input, count, r->hidden, 1, r->between, r->narrowed);
}

/* Bytes of working memory for a pass. */
size_t trajectune_room(const Model *m, int count, int capacity, int threads) {
  return cut(m, count, capacity, threads, NULL).bytes + ALIGNED;
}

/* Logits [places, vocabulary]; 0, or what is wrong with the batch, of which then nothing was computed. */
int trajectune_forward(const Model *m, const Cache *c, const Batch *b, int threads, char *room, float *logits) {
  const int wrong = check(m, c, b);
  if (wrong) return wrong;
  char *base = (char *)(((uintptr_t)room + ALIGNED - 1) / ALIGNED * ALIGNED);
  Room found = cut(m, larger(b->count, b->places), c->capacity, threads, base), *r = &found;
  find_runs(m, b, &found.attention);
#pragma omp parallel num_threads(threads)
  {
#ifdef __AMX_BF16__
    open_tiles();
#endif
#pragma omp for schedule(static)
    for (int t = 0; t < b->count; t++)
      widen(m->embedding + b->token[t] * m->hidden, m->hidden, r->hidden + (long)t * m->hidden);
    for (int layer = 0; layer < m->layers; layer++) compute_layer(m, layer, c, b, r);
#pragma omp for schedule(static)
    for (int p = 0; p < b->places; p++) {
      float *normed = r->normed + (long)p * m->hidden;
      norm(r->hidden + b->place[p] * m->hidden, m->norm, m->hidden, m->epsilon, normed);
      round_row(&m->head, normed, p, &r->input);
    }
    multiply_rows(&m->head, &r->input, b->places, logits, 0, r->between, r->narrowed);
#ifdef __AMX_BF16__
    _tile_release();
#endif
  }
  return 0;
}

/* A product alone, [tokens, outputs] of [tokens, inputs], for tests: that of a model's head, in the model's room. */
void trajectune_multiply(const Model *m, int tokens, int threads, const float *x, char *room, float *to) {
  char *base = (char *)(((uintptr_t)room + ALIGNED - 1) / ALIGNED * ALIGNED);
  const Room found = cut(m, tokens, 1, threads, base), *r = &found;
#pragma omp parallel num_threads(threads)
  {
#ifdef __AMX_BF16__
    open_tiles();
#endif
#pragma omp for schedule(static)
    for (int t = 0; t < tokens; t++) round_row(&m->head, x + (long)t * m->head.inputs, t, &r->input);
    multiply_rows(&m->head, &r->input, tokens, to, 0, r->between, r->narrowed);
#ifdef __AMX_BF16__
    _tile_release();
#endif
  }
}

/* Asks the kernel for the matrix unit where this library needs it; 0: all is well. */
int trajectune_open(void) {
#ifdef __AMX_BF16__
  return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* its tiles */) != 0;
#else
  return 0;
#endif
}

/* Sizes of the structures that both sides describe. */
void trajectune_sizes(int32_t to[6]) {
  const int32_t found[] = {sizeof(Linear), sizeof(LowRank), sizeof(Layer), sizeof(Model), sizeof(Cache), sizeof(Batch)};
  memcpy(to, found, sizeof(found));
}
