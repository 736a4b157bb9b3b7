// The C interface of a Verilator model, compiled into each model's shared object.
//
// Rust calls only the functions in this file, and none of them throws. A fatal error in the
// simulation ($stop, $fatal, no convergence, a wave file that cannot be written) becomes an
// exception, which `guard` below catches. After that, every call on this model fails with the same
// message. Verilator's default is to abort the process, which would take the calling program with
// it.
//
// The build defines VM_TOP (the class), VM_HEADER (its header), VM_PORTS_DIGEST (a string) and the
// usual VM_TRACE* settings. It writes ports.inc, with one line VM_PORT(name, bytes) per port.

#include VM_HEADER

#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using WaveFile = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using WaveFile = VerilatedVcdC;
#endif

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>

#define VM_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct SimulationError final {
  std::string message;
};

std::string located(const char* file, int line, const char* text) {
  std::string where;
  if (file && *file) where = std::string{file} + ":" + std::to_string(line) + ": ";
  return where + text;
}

// Guards Verilator's static variables in this library: the random seed and the last context.
std::mutex g_statics;

// The context that this thread bound last. If it is unchanged, an evaluation costs one comparison
// more.
thread_local VerilatedContext* t_bound = nullptr;

void bind(VerilatedContext* context) {
  if (VL_LIKELY(t_bound == context)) return;
  const std::lock_guard<std::mutex> lock{g_statics};
  Verilated::threadContextp(context);
  t_bound = context;
}

}  // namespace

struct vm_model {
  std::unique_ptr<VerilatedContext> context;
  std::unique_ptr<VM_TOP> top;
#if VM_TRACE
  std::unique_ptr<WaveFile> wave;
#endif
  bool failed = false;
  std::string message;
};

namespace {

template <typename Body> int guard(vm_model* model, Body body) noexcept {
  if (VL_UNLIKELY(model->failed)) return 1;
  try {
    bind(model->context.get());
    body();
    return 0;
  } catch (const SimulationError& error) {
    model->message = error.message;
  } catch (const std::exception& error) {
    model->message = error.what();
  } catch (...) {
    model->message = "unknown C++ exception";
  }
  model->failed = true;
  return 1;
}

}  // namespace

// The runtime is compiled with VL_USER_FINISH, _STOP, _FATAL and _WARN, so it calls these
// functions.

void vl_finish(const char*, int, const char*) { Verilated::threadContextp()->gotFinish(true); }

void vl_stop(const char* file, int line, const char*) {
  throw SimulationError{located(file, line, "Verilog $stop")};
}

void vl_fatal(const char* file, int line, const char*, const char* message) {
  throw SimulationError{located(file, line, message)};
}

void vl_warn(const char* file, int line, const char*, const char* message) {
  // Not to stdout, which the calling program may use for its results.
  std::fprintf(stderr, "verilator: warning: %s\n", located(file, line, message).c_str());
}

// The digest of the port table that this library was compiled for.
VM_EXPORT const char* vm_ports_digest() { return VM_PORTS_DIGEST; }

// reset_mode: 0 zeros, 1 ones, 2 random with `seed` (which must not be 0).
// On failure, returns null and writes a message to `error`.
VM_EXPORT vm_model* vm_create(int reset_mode, int seed, char* error, size_t error_bytes) {
  std::unique_ptr<vm_model> model;
  std::string message;
  const std::lock_guard<std::mutex> lock{g_statics};
  try {
    model.reset(new vm_model);
    model->context.reset(new VerilatedContext);
    VerilatedContext* const context = model->context.get();
    Verilated::threadContextp(context);
    t_bound = context;
    context->randReset(reset_mode);
    if (reset_mode == 2) {
      context->randSeed(seed);
      // Skip the generator's first words, which are similar for similar seeds.
      for (int i = 0; i < 32; ++i) (void)vl_rand64();
    }
#if VM_TRACE
    context->traceEverOn(true);
#endif
    model->top.reset(new VM_TOP{context, "TOP"});
    return model.release();
  } catch (const SimulationError& caught) {
    message = caught.message;
  } catch (const std::exception& caught) {
    message = caught.what();
  } catch (...) {
    message = "unknown C++ exception";
  }
  t_bound = nullptr;
  if (error && error_bytes) std::snprintf(error, error_bytes, "%s", message.c_str());
  return nullptr;
}

VM_EXPORT void vm_destroy(vm_model* model) {
  bind(model->context.get());
  const std::lock_guard<std::mutex> lock{g_statics};
#if VM_TRACE
  try {
    if (model->wave) model->wave->close();
  } catch (...) {
    // The file cannot be flushed. This function cannot report it (vm_trace_close can). The
    // destructor would try again and end the process, so the object is leaked on purpose.
    (void)model->wave.release();
  }
#endif
  delete model;
  t_bound = nullptr;
}

// Writes the addresses of the ports' storage, in the order of ports.inc. They are valid until
// vm_destroy.
VM_EXPORT void vm_ports(vm_model* model, void** table) {
  VM_TOP* const top = model->top.get();
  (void)top;
  (void)table;
  size_t index = 0;
  (void)index;
#define VM_PORT(name, bytes)                                                        \
  static_assert(sizeof(top->name) == (bytes), "storage of port " #name " differs"); \
  table[index++] = static_cast<void*>(&top->name);
#include "ports.inc"
#undef VM_PORT
}

VM_EXPORT int vm_eval(vm_model* model) {
  return guard(model, [=] { model->top->eval(); });
}

VM_EXPORT int vm_final(vm_model* model) {
  return guard(model, [=] { model->top->final(); });
}

VM_EXPORT int vm_finished(const vm_model* model) { return model->context->gotFinish() ? 1 : 0; }

VM_EXPORT const char* vm_message(const vm_model* model) { return model->message.c_str(); }

#if VM_TRACE

// Returns 0 on success, 1 if the model failed, 2 if the file could not be opened.
VM_EXPORT int vm_trace_open(vm_model* model, const char* path, int levels) {
  bool open = false;
  const int status = guard(model, [&] {
    model->wave.reset(new WaveFile);
    model->top->trace(model->wave.get(), levels);
    model->wave->open(path);
    open = model->wave->isOpen();
    if (!open) model->wave.reset();
  });
  return status ? status : (open ? 0 : 2);
}

VM_EXPORT int vm_trace_dump(vm_model* model, uint64_t time) {
  return guard(model, [=] {
    model->context->time(time);
    if (model->wave) model->wave->dump(time);
  });
}

VM_EXPORT int vm_trace_close(vm_model* model) {
  return guard(model, [=] {
    if (model->wave) model->wave->close();
    model->wave.reset();
  });
}

#else

VM_EXPORT int vm_trace_open(vm_model*, const char*, int) { return 2; }
VM_EXPORT int vm_trace_dump(vm_model*, uint64_t) { return 0; }
VM_EXPORT int vm_trace_close(vm_model*) { return 0; }

#endif
