// One GEMM on the Verilated core, driven by a loop that was written for this core alone: the yardstick of
// experiments/simulation_speed/run for the RTL engine. It clocks the core as the engine does (docs/cosim.md):
// evaluate with the clock low, read handshakes, raise the clock, change inputs.
//
//   loop M K N BITS THREADS < a.i32, b.i32 in this folder > seconds, CPU seconds, cycles
//
// ROWS, COLS, LANES, CHUNK and DEPTH are macros. One command for each tile, rounding to nearest, no bias.
// The results, shifted right by BITS, go to loop.i32. Each thread has its own model and a range of tiles.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "Vcore.h"
#include "verilated.h"

namespace {

using Words = std::vector<uint32_t>;

constexpr int WIDTH_A = ROWS * LANES * CHUNK / 32;
constexpr int WIDTH_B = COLS * LANES * CHUNK / 32;
static_assert(ROWS * LANES * CHUNK % 32 == 0 && COLS * LANES * CHUNK % 32 == 0, "whole words");
static_assert(sizeof(Vcore::op_a_i) == 4 * WIDTH_A && sizeof(Vcore::op_b_i) == 4 * WIDTH_B, "ports");

struct Shape {
  int m, k, n, bits;
  int planes() const { return (bits + CHUNK - 1) / CHUNK; }
  int words() const { return (k + LANES - 1) / LANES; }
  int across() const { return (n + COLS - 1) / COLS; }
  int tiles() const { return (m + ROWS - 1) / ROWS * across(); }
};

std::vector<int32_t> read(const char* name, size_t count) {
  std::vector<int32_t> values(count);
  std::ifstream file{name, std::ios::binary};
  if (!file.read(reinterpret_cast<char*>(values.data()), 4 * count)) {
    std::fprintf(stderr, "loop: %s: expected %zu integers\n", name, count);
    std::exit(2);
  }
  return values;
}

// Banks of `ports` lines each, plane by plane; element k of a line is at line * by_line + k * by_k.
std::vector<Words> pack(const Shape& shape, const std::vector<int32_t>& values, int lines, int ports,
                        size_t by_line, size_t by_k) {
  const int width = ports * LANES * CHUNK / 32;
  std::vector<Words> banks;
  for (int first = 0; first < lines; first += ports) {
    Words bank(size_t(shape.planes()) * shape.words() * width);
    for (int line = 0; line < ports && first + line < lines; ++line) {
      for (int k = 0; k < shape.k; ++k) {
        const int32_t value = values[(first + line) * by_line + k * by_k];
        const int bit = (line * LANES + k % LANES) * CHUNK;
        for (int plane = 0; plane < shape.planes(); ++plane) {
          const uint32_t digit = uint32_t(value >> (plane * CHUNK)) & ((1U << CHUNK) - 1);
          const size_t word = (size_t(plane) * shape.words() + k / LANES) * width + bit / 32;
          bank[word] |= digit << (bit % 32);
        }
      }
    }
    banks.push_back(std::move(bank));
  }
  return banks;
}

class Core {
 public:
  Core() : top_{new Vcore{&context_}} {
    for (int i = 0; i < 2; ++i) {
      low();
      high();
    }
    top_->rst_ni = 1;
  }

  uint64_t run(const Shape& shape, const std::vector<Words>& a, const std::vector<Words>& b, int tile,
               int end, std::vector<int32_t>& out) {
    Vcore& top = *top_;
    top.mode_shift_i = shape.bits;
    top.mode_bits_i = 32;
    top.mode_round_i = 0;
    top.ctr_clear_i = 1;
    low();
    high();
    top.ctr_clear_i = 0;
    top.res_ready_i = 1;
    const Words *bank_a = nullptr, *bank_b = nullptr;
    int offered = tile, results = tile, row = 0;
    offer(shape, offered, end);
    for (;;) {
      low();
      if (offered == end && !top.busy_o) break;
      const bool command = top.cmd_valid_i && top.cmd_ready_o;
      const bool reads = top.op_ren_o;
      const int address_a = top.op_addr_a_o, address_b = top.op_addr_b_o;
      if (top.res_valid_o) {
        const int line = results / shape.across() * ROWS + row;
        const int column = results % shape.across() * COLS;
        const int live = std::min(COLS, shape.n - column);
        std::memcpy(&out[size_t(line) * shape.n + column], &top.res_data_o, 4 * live);
        if (++row == std::min(ROWS, shape.m - results / shape.across() * ROWS)) {
          row = 0;
          ++results;
        }
      }
      high();
      if (reads) {
        std::memcpy(&top.op_a_i, &(*bank_a)[size_t(address_a) * WIDTH_A], 4 * WIDTH_A);
        std::memcpy(&top.op_b_i, &(*bank_b)[size_t(address_b) * WIDTH_B], 4 * WIDTH_B);
      }
      if (command) {
        bank_a = &a[offered / shape.across()];
        bank_b = &b[offered % shape.across()];
        offer(shape, ++offered, end);
      }
    }
    return top.ctr_busy_o;
  }

 private:
  void low() {
    top_->clk_i = 0;
    top_->eval();
  }

  void high() {
    top_->clk_i = 1;
    top_->eval();
  }

  void offer(const Shape& shape, int tile, int end) {
    Vcore& top = *top_;
    top.cmd_valid_i = tile < end;
    if (tile == end) return;
    top.cmd_planes_a_i = shape.planes();
    top.cmd_planes_b_i = shape.planes();
    top.cmd_words_i = shape.words();
    top.cmd_rows_i = std::min(ROWS, shape.m - tile / shape.across() * ROWS);
    top.cmd_cols_i = std::min(COLS, shape.n - tile % shape.across() * COLS);
    top.cmd_base_i = 0;
    top.cmd_emit_i = 1;
    top.cmd_bank_i = tile & 1;
  }

  VerilatedContext context_;
  std::unique_ptr<Vcore> top_;
};

double cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const Shape shape{std::atoi(argv[1]), std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4])};
  const int threads = std::atoi(argv[5]);
  if (shape.planes() * shape.words() > DEPTH) {
    std::fprintf(stderr, "loop: a tile takes more than one command\n");
    return 2;
  }
  const auto a = read("a.i32", size_t(shape.m) * shape.k), b = read("b.i32", size_t(shape.k) * shape.n);
  std::vector<int32_t> out(size_t(shape.m) * shape.n);
  std::vector<Core> cores(threads);
  std::vector<uint64_t> cycles(threads);

  const auto start = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  const auto banks_a = pack(shape, a, shape.m, ROWS, shape.k, 1);
  const auto banks_b = pack(shape, b, shape.n, COLS, 1, shape.n);
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      const int from = shape.tiles() * i / threads, to = shape.tiles() * (i + 1) / threads;
      cycles[i] = cores[i].run(shape, banks_a, banks_b, from, to, out);
    });
  }
  uint64_t total = 0;
  for (int i = 0; i < threads; ++i) {
    running[i].join();
    total += cycles[i];
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%.9f %.9f %llu\n", seconds.count(), cpu_seconds() - cpu, (unsigned long long)total);

  std::ofstream file{"loop.i32", std::ios::binary};
  file.write(reinterpret_cast<const char*>(out.data()), 4 * out.size());
  return file ? 0 : 2;
}
