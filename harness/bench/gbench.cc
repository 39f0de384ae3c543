// gbench.cc: Google Benchmark behind gbench.h.
//
// The library times and aggregates; a reporter of ours stands between it and its own reporters, because only there can
// the entries' names be given exactly (the library appends /process_time/real_time) and the threads be those of the
// kernel, which the library does not start. Every reported entry is kept, and gbench_json hands all of them to the
// library's JSONReporter, so that the schema is always that of the library linked.
//
// 1.7.1 and newer build: what differs is found by looking at the types, never by a version number.
#include "gbench.h"

#include <benchmark/benchmark.h>
#include <errno.h>
#include <regex.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gbench_flags.h"
#include "gbench_wire.h"

#ifndef ATTNBENCH_BENCHMARK_VERSION
#define ATTNBENCH_BENCHMARK_VERSION "of unknown version"
#endif

namespace
{

using benchmark::BenchmarkReporter;
using Run = BenchmarkReporter::Run;

// 1.8 turned Run::error_occurred into Run::skipped, and learnt --benchmark_min_time=10x.
template <typename R, typename = void> struct has_skipped : std::false_type {
};
template <typename R> struct has_skipped<R, std::void_t<decltype(R::skipped)>> : std::true_type {
};

template <typename R> bool failed(const R &run)
{
    if constexpr (has_skipped<R>::value)
        return static_cast<bool>(run.skipped);
    else
        return run.error_occurred;
}

constexpr bool takes_iterations = has_skipped<Run>::value;

// What is known of an entry besides what the library says.
struct entry {
    const gbench_case *c = nullptr;
    int64_t family = 0;   // number in the session: the library counts from 0 in each group
    bool stopped = false; // interrupted: not reported
    bool checked = false;
    std::string objection; // what the check said: not reported either, but an error in its place
};

// The library's console, which widens its first column when a later group has longer names.
class console : public benchmark::ConsoleReporter
{
  public:
    using ConsoleReporter::ConsoleReporter;
    void widen(size_t width) { name_field_width_ = std::max(name_field_width_, width); }
};

bool wants_color(const std::string &flag)
{
    if (flag != "auto") return flag == "true";
    const char *const term = std::getenv("TERM");
    const char *const no_color = std::getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && term && std::strcmp(term, "dumb") != 0 && !(no_color && *no_color);
}

BENCHMARK_DISABLE_DEPRECATED_WARNING
std::unique_ptr<BenchmarkReporter> new_csv_reporter() { return std::make_unique<benchmark::CSVReporter>(); }
BENCHMARK_RESTORE_DEPRECATED_WARNING

} // namespace

struct gbench {
    std::string out, out_format, format;
    bool lists_only = false, display_aggregates_only = false, repeats = false;
    double min_seconds = 0; // of a repetition
    int64_t iterations = 0; // of a repetition, where those were given instead
    bool has_filter = false, negated = false;
    regex_t filter;

    std::unique_ptr<BenchmarkReporter> display; // null: quiet
    console *table = nullptr;                   // `display` where it is the console
    bool begun = false;                         // the display has had its context

    std::unordered_map<std::string, entry> entries;
    std::vector<Run> runs; // everything reported so far
    std::vector<Run> late; // what the display gets at the end
    std::string json;
    FILE *wire = nullptr; // a child's: reports go there
    size_t width = 0;     // and with them the width that names need

    gbench() = default;
    gbench(const gbench &) = delete;
    gbench &operator=(const gbench &) = delete;
    ~gbench()
    {
        if (has_filter) regfree(&filter);
    }

    entry &add(const gbench_case &c)
    {
        const int64_t next = static_cast<int64_t>(entries.size());
        entry &e = entries[c.name];
        if (!e.c) e.family = next;
        e.c = &c;
        e.stopped = e.checked = false;
        e.objection.clear();
        return e;
    }

    void begin_display(size_t names)
    {
        width = std::max(width, names);
        if (wire) gbench_wire::send(wire, width, {}); // the parent's begins too, also where nothing follows
        if (!display) return;
        if (!begun) {
            BenchmarkReporter::Context context;
            context.name_field_width = names;
            display->ReportContext(context);
            begun = true;
        }
        if (table) table->widen(names);
    }

    // The library reports an entry when its last repetition is done: now is the time to look at the output.
    static bool stands(entry &e, const Run &run)
    {
        if (!e.stopped && !e.checked && !failed(run) && e.c->check) {
            e.checked = true;
            const char *const message = e.c->check(e.c->ctx);
            if (message) e.objection = *message ? message : "the check failed";
        }
        return !e.stopped && e.objection.empty();
    }

    void report(const std::vector<Run> &reported)
    {
        std::vector<Run> kept;
        for (const Run &from : reported) {
            const auto found = entries.find(from.run_name.function_name);
            if (found == entries.end() || !stands(found->second, from)) continue;
            Run run = from;
            run.run_name = benchmark::BenchmarkName();
            run.run_name.function_name = found->first;
            run.family_index = found->second.family;
            run.per_family_instance_index = 0;
            run.threads = found->second.c->threads;
            run.statistics = nullptr; // belongs to a benchmark that is gone when the JSON is written
            for (auto it = run.counters.begin(); it != run.counters.end();) {
                it->second.flags = benchmark::Counter::kDefaults; // computed: "GFLOP/s a second" must not be printed
                it = std::isfinite(it->second.value) ? std::next(it) : run.counters.erase(it);
            }
            kept.push_back(std::move(run));
        }
        if (kept.empty()) return;
        if (wire)
            gbench_wire::send(wire, width, kept);
        else
            deliver(kept);
    }

    void deliver(const std::vector<Run> &kept)
    {
        size_t good = 0;
        for (const Run &run : kept) good += run.run_type == Run::RT_Iteration && !failed(run);
        runs.insert(runs.end(), kept.begin(), kept.end());
        // Two good repetitions or more: their aggregates come next.
        const bool hidden = display_aggregates_only && good >= 2;
        // A CSV's columns are known when all entries are: it is written at the end.
        if (!display || hidden) return;
        if (format == "csv") {
            late.insert(late.end(), kept.begin(), kept.end());
        } else {
            display->ReportRuns(table ? in_short(kept) : kept);
            display->GetOutputStream().flush();
        }
    }

    // For the console, where lines of 250 columns cannot be read: the caller's table and the records have the rest.
    static std::vector<Run> in_short(std::vector<Run> runs)
    {
        for (Run &run : runs) {
            run.report_label.clear();
            for (auto it = run.counters.begin(); it != run.counters.end();)
                it = it->first == "gflops" ? std::next(it) : run.counters.erase(it);
        }
        return runs;
    }

    void end_display()
    {
        if (!display || !begun) return; // refused, or interrupted before the first group
        if (!late.empty()) display->ReportRuns(late);
        display->Finalize();
        display->GetOutputStream().flush();
    }
};

namespace
{

class collector : public BenchmarkReporter
{
  public:
    explicit collector(gbench &g) : session(g) {}
    bool ReportContext(const Context &) override { return true; }
    void ReportRuns(const std::vector<Run> &runs) override { session.report(runs); }

  private:
    gbench &session;
};

void time_case(benchmark::State &state, entry &e, const volatile int *stop)
{
    using seconds = std::chrono::duration<double>;
    const gbench_case &c = *e.c;
    const auto now = [&c] {
        return c.now ? c.now(c.ctx) : seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    };
    double packing = 0;
    if (c.between) c.between(c.ctx);
    for (auto iteration : state) {
        (void)iteration;
        if (stop && *stop) {
            e.stopped = true;
            state.SkipWithError("interrupted");
            break;
        }
        if (c.before) { // pausing keeps it out of the CPU time, our own clock out of the real time
            state.PauseTiming();
            c.before(c.ctx);
            state.ResumeTiming();
        }
        const double begin = c.before ? now() : 0;
        const double nanoseconds = c.call(c.ctx);
        if (c.before) state.SetIterationTime(now() - begin);
        if (nanoseconds < 0) {
            state.SkipWithError("the kernel returned an error");
            break;
        }
        packing += nanoseconds;
    }
    using benchmark::Counter;
    const auto rate = Counter::kIsIterationInvariantRate;
    state.SetLabel(c.label);
    state.counters["gflops"] = Counter(c.operations / 1e9, rate);
    state.counters["gbytes"] = Counter(c.bytes / 1e9, rate);
    if (c.peak > 0) state.counters["share"] = Counter((c.by_bandwidth ? c.bytes : c.operations) / c.peak, rate);
    if (c.bandwidth > 0) state.counters["share_bw"] = Counter(c.bytes / c.bandwidth, rate);
    if (c.packs) state.counters["pack_ms"] = Counter(packing / 1e6, Counter::kAvgIterations);
}

// At least three: fewer say nothing of how calls differ.
int64_t iterations_of(const gbench &g, const gbench_case &c)
{
    if (g.iterations > 0) return g.iterations;
    const double wanted = g.min_seconds / std::max(c.seconds_with_before, 1e-6);
    return std::max<int64_t>(3, static_cast<int64_t>(std::ceil(wanted)));
}

// Room for the longest name, with the longest suffix of an aggregate where there will be some.
size_t width_of(const gbench &g, const gbench_case *cases, size_t count)
{
    size_t width = 10;
    for (size_t i = 0; i < count; i++) width = std::max(width, std::strlen(cases[i].name));
    return width + (g.repeats ? std::strlen("_median") : 0);
}

void run_registered(gbench &g)
{
    collector reporter(g);
    benchmark::RunSpecifiedBenchmarks(&reporter, "all");
    benchmark::ClearRegisteredBenchmarks();
}

bool compile_filter(gbench &g, const char *text, char *reason, size_t reason_size)
{
    if (!*text || std::strcmp(text, "all") == 0) return true;
    g.negated = *text == '-';
    const int error = regcomp(&g.filter, text + (g.negated ? 1 : 0), REG_EXTENDED | REG_NOSUB);
    g.has_filter = error == 0;
    if (error != 0) {
        char why[160];
        regerror(error, &g.filter, why, sizeof why);
        std::snprintf(reason, reason_size, "--benchmark_filter=%s: not an extended regular expression: %s", text, why);
    }
    return g.has_filter;
}

// Extra context is the library's own, for the whole process, and cannot be taken back: a key keeps its first value.
void add_context(const std::string &pairs)
{
    static std::map<std::string, std::string> known;
    std::istringstream in(pairs);
    for (std::string pair; std::getline(in, pair, ',');) {
        const size_t equals = pair.find('=');
        const std::string key = pair.substr(0, equals), value = pair.substr(equals + 1);
        if (known.emplace(key, value).second) benchmark::AddCustomContext(key, value);
    }
}

// Hands the library a value for every flag: those of an earlier session and of BENCHMARK_* variables, which nothing
// checks, would stay otherwise. What the shim does itself (filter, files, listing) is switched off.
void initialise(const gbench_flags &flags)
{
    static const char *const executable = program_invocation_name;
    std::vector<std::string> text = {executable, "--benchmark_dry_run=false"};
    for (int i = 0; i < GBENCH_FLAGS; i++) {
        std::string value = flags.value[i];
        switch (i) {
        case GBENCH_LIST_TESTS:
        case GBENCH_DISPLAY_AGGREGATES: value = "false"; break;
        case GBENCH_FILTER:
        case GBENCH_OUT: value.clear(); break;
        case GBENCH_CONTEXT: continue;
        case GBENCH_MIN_TIME:
            if (value.back() != 'x' && value.back() != 's') value += 's';
            if (!takes_iterations) value.pop_back();
            break;
        default: break;
        }
        text.push_back(std::string("--") + gbench_flag_name(static_cast<gbench_flag>(i)) + "=" + value);
    }
    std::vector<char *> argv;
    for (std::string &t : text) argv.push_back(&t[0]);
    int argc = static_cast<int>(argv.size());
    argv.push_back(nullptr);
    benchmark::Initialize(&argc, argv.data());
    BenchmarkReporter::Context::executable_name = executable; // the library kept a pointer into `text`
}

void new_display(gbench &g, const gbench_flags &flags)
{
    using benchmark::ConsoleReporter;
    if (g.format == "json") {
        g.display = std::make_unique<benchmark::JSONReporter>();
    } else if (g.format == "csv") {
        g.display = new_csv_reporter();
    } else {
        const int color = wants_color(flags.value[GBENCH_COLOR]) ? ConsoleReporter::OO_Color : 0;
        const int tabular = std::strcmp(flags.value[GBENCH_TABULAR], "true") == 0 ? ConsoleReporter::OO_Tabular : 0;
        auto made = std::make_unique<console>(static_cast<ConsoleReporter::OutputOptions>(color | tabular));
        g.table = made.get();
        g.display = std::move(made);
    }
}

} // namespace

gbench *gbench_open(int flags, char **flag, int defaults, char **default_flag, bool quiet, char *reason,
                    size_t reason_size)
try {
    gbench_flags values;
    std::vector<std::string> contexts;
    gbench_flags_defaults(&values);
    bool in_short = false; // a default is for the console: documents are whole unless they are asked not to be
    const char *&aggregates = values.value[GBENCH_DISPLAY_AGGREGATES];
    for (int i = 0; i < defaults + flags; i++) {
        if (i == defaults) in_short = std::strcmp(std::exchange(aggregates, ""), "true") == 0;
        const char *const text = i < defaults ? default_flag[i] : flag[i - defaults];
        values.value[GBENCH_CONTEXT] = "";
        if (!gbench_flags_take(&values, text, takes_iterations, reason, reason_size)) return nullptr;
        contexts.emplace_back(values.value[GBENCH_CONTEXT]);
    }
    const auto is_set = [&](gbench_flag f) { return std::strcmp(values.value[f], "true") == 0; };

    auto g = std::make_unique<gbench>();
    if (!compile_filter(*g, values.value[GBENCH_FILTER], reason, reason_size)) return nullptr;
    g->out = values.value[GBENCH_OUT];
    g->out_format = values.value[GBENCH_OUT_FORMAT];
    g->format = values.value[GBENCH_FORMAT];
    g->lists_only = is_set(GBENCH_LIST_TESTS);
    g->display_aggregates_only =
        is_set(GBENCH_DISPLAY_AGGREGATES) || (!*aggregates && in_short && g->format == "console");
    g->repeats = std::strcmp(values.value[GBENCH_REPETITIONS], "1") != 0;
    const std::string min_time = values.value[GBENCH_MIN_TIME];
    if (min_time.back() == 'x')
        g->iterations = std::atoll(min_time.c_str());
    else
        g->min_seconds = std::atof(min_time.c_str());
    initialise(values);
    for (const std::string &pairs : contexts) add_context(pairs);
    if (!quiet && !g->lists_only) new_display(*g, values);
    return g.release();
} catch (const std::exception &e) {
    std::snprintf(reason, reason_size, "Google Benchmark could not be started: %s", e.what());
    return nullptr;
}

bool gbench_selects(const gbench *g, const char *name)
{
    return !g->has_filter || (regexec(&g->filter, name, 0, nullptr, 0) == 0) != g->negated;
}

bool gbench_lists_only(const gbench *g) { return g->lists_only; }

bool gbench_prints_table(const gbench *g) { return g->table != nullptr; }

const char *gbench_flag_out(const gbench *g) { return g->out.empty() ? nullptr : g->out.c_str(); }

const char *gbench_flag_out_format(const gbench *g) { return g->out_format.c_str(); }

void gbench_run(gbench *g, const gbench_case *cases, size_t count, const volatile int *stop)
{
    if (stop && *stop) return;
    g->begin_display(width_of(*g, cases, count));
    if (count == 0) return;
    for (size_t i = 0; i < count; i++) {
        entry *const e = &g->add(cases[i]);
        const auto body = [e, stop](benchmark::State &state) { time_case(state, *e, stop); };
        auto *const made = benchmark::RegisterBenchmark(cases[i].name, body)->MeasureProcessCPUTime();
        if (cases[i].before)
            made->UseManualTime()->Iterations(iterations_of(*g, cases[i]));
        else
            made->UseRealTime();
    }
    run_registered(*g);
    for (size_t i = 0; i < count; i++) {
        const std::string objection = g->entries[cases[i].name].objection;
        if (!objection.empty()) gbench_report_error(g, &cases[i], objection.c_str());
    }
}

void gbench_report_error(gbench *g, const gbench_case *c, const char *message)
{
    g->begin_display(width_of(*g, c, 1));
    g->add(*c);
    const auto body = [c, message](benchmark::State &state) {
        state.SetLabel(c->label);
        state.SkipWithError(message);
    };
    benchmark::RegisterBenchmark(c->name, body)->UseRealTime()->Repetitions(1);
    run_registered(*g);
}

void gbench_send(gbench *g, FILE *to)
{
    g->table = nullptr;
    g->display.reset();
    g->wire = to;
}

void gbench_take(gbench *g, FILE *from)
{
    std::vector<Run> runs;
    size_t width = 0;
    while (gbench_wire::take(from, width, runs)) {
        g->begin_display(width);
        for (Run &run : runs) {
            const int64_t next = static_cast<int64_t>(g->entries.size());
            const auto added = g->entries.emplace(run.run_name.function_name, entry());
            if (added.second) added.first->second.family = next;
            run.family_index = added.first->second.family;
            run.per_family_instance_index = 0;
        }
        if (!runs.empty()) g->deliver(runs);
    }
}

const char *gbench_json(gbench *g)
{
    std::ostringstream text;
    benchmark::JSONReporter reporter;
    reporter.SetOutputStream(&text);
    reporter.ReportContext(BenchmarkReporter::Context());
    reporter.ReportRuns(g->runs);
    reporter.Finalize();
    g->json = text.str();
    return g->json.c_str();
}

void gbench_close(gbench *g)
{
    if (!g) return;
    g->end_display();
    delete g;
}
