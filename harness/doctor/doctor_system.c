/* doctor_system.c: what /proc and /sys say of that which disturbs a measurement. */
#include "doctor.h"

#include "util/proc_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static doctor_switch read_switch(const char *root, const char *path, char on)
{
    char text[16];
    if (!proc_file_read(root, path, text, sizeof text) || (text[0] != '0' && text[0] != '1')) return SWITCH_UNKNOWN;
    return text[0] == on ? SWITCH_ON : SWITCH_OFF;
}

/* Two drivers, two files, one of them the other way round. */
static doctor_switch read_turbo(const char *root)
{
    const doctor_switch intel = read_switch(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", '0');
    return intel != SWITCH_UNKNOWN ? intel : read_switch(root, "/sys/devices/system/cpu/cpufreq/boost", '1');
}

/* The first line: cpu user nice system idle iowait irq softirq steal ...; guests' time is in user's already. */
static void read_ticks(const char *root, doctor_system *out)
{
    char text[512];
    double tick[8];
    out->ticks = out->steal = -1;
    if (!proc_file_read(root, "/proc/stat", text, sizeof text) ||
        sscanf(text, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &tick[0], &tick[1], &tick[2], &tick[3], &tick[4], &tick[5],
               &tick[6], &tick[7]) != 8)
        return;
    out->ticks = 0;
    for (int i = 0; i < 8; i++) out->ticks += tick[i];
    out->steal = tick[7];
}

void doctor_system_read(const char *root, doctor_system *out)
{
    char text[64];
    memset(out, 0, sizeof *out);
    out->turbo = read_turbo(root);
    out->smt = read_switch(root, "/sys/devices/system/cpu/smt/active", '1');
    out->load = proc_file_read(root, "/proc/loadavg", text, sizeof text) ? strtod(text, NULL) : -1;
    out->cgroup = cgroup_limits_read(root);
    proc_file_read(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", out->clock,
                   sizeof out->clock);
    read_ticks(root, out);
}
