// gbench_wire.h: Google Benchmark's results through a file, from the child that timed to the parent that reports. For
// gbench.cc alone: it is C++, and both ends are the same program, so that bytes need no format.
#ifndef ATTNBENCH_GBENCH_WIRE_H
#define ATTNBENCH_GBENCH_WIRE_H

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace gbench_wire
{

using Run = benchmark::BenchmarkReporter::Run;

struct writer {
    FILE *file;
    bool good = true;

    template <typename T> void operator()(T &value)
    {
        static_assert(std::is_trivially_copyable<T>::value, "bytes are the value");
        good = good && std::fwrite(&value, sizeof value, 1, file) == 1;
    }
    void operator()(std::string &text)
    {
        uint64_t length = text.size();
        (*this)(length);
        good = good && std::fwrite(text.data(), 1, length, file) == length;
    }
};

struct reader {
    FILE *file;
    bool good = true;

    template <typename T> void operator()(T &value)
    {
        static_assert(std::is_trivially_copyable<T>::value, "bytes are the value");
        good = good && std::fread(&value, sizeof value, 1, file) == 1;
    }
    void operator()(std::string &text)
    {
        uint64_t length = 0;
        (*this)(length);
        text.assign(good ? length : 0, ' ');
        good = good && std::fread(&text[0], 1, length, file) == length;
    }
};

// 1.8 renamed the mark of a failed entry.
template <typename R, typename V> auto failure(R &run, V &&visit, int) -> decltype(run.skipped, void())
{
    visit(run.skipped);
    visit(run.skip_message);
}
template <typename R, typename V> auto failure(R &run, V &&visit, long) -> decltype(run.error_occurred, void())
{
    visit(run.error_occurred);
    visit(run.error_message);
}

// Every field that a reporter looks at; what is left out keeps its default.
template <typename V> void fields(Run &run, V &&visit)
{
    visit(run.run_name.function_name);
    visit(run.run_type);
    visit(run.aggregate_name);
    visit(run.aggregate_unit);
    visit(run.report_label);
    failure(run, visit, 0);
    visit(run.iterations);
    visit(run.threads);
    visit(run.repetition_index);
    visit(run.repetitions);
    visit(run.time_unit);
    visit(run.real_accumulated_time);
    visit(run.cpu_accumulated_time);
}

inline bool send(FILE *file, size_t width, std::vector<Run> runs)
{
    writer put{file};
    uint64_t count = runs.size(), name_width = width;
    put(name_width);
    put(count);
    for (Run &run : runs) {
        uint64_t counters = run.counters.size();
        fields(run, put);
        put(counters);
        for (auto &counter : run.counters) {
            std::string name = counter.first;
            put(name);
            put(counter.second.value);
        }
    }
    return put.good;
}

// False at the end of the file, and where the writer did not come to its end.
inline bool take(FILE *file, size_t &width, std::vector<Run> &runs)
{
    reader get{file};
    uint64_t count = 0, name_width = 0;
    get(name_width);
    get(count);
    width = name_width;
    runs.clear();
    for (uint64_t i = 0; get.good && i < count; i++) {
        Run run;
        uint64_t counters = 0;
        fields(run, get);
        get(counters);
        for (uint64_t c = 0; get.good && c < counters; c++) {
            std::string name;
            double value = 0;
            get(name);
            get(value);
            run.counters[name] = benchmark::Counter(value);
        }
        runs.push_back(std::move(run));
    }
    return get.good;
}

} // namespace gbench_wire

#endif
