# SPDX-License-Identifier: Apache-2.0
"""What CPU time a vCPU can rely on, and plans made from what the VMs ask for.

    timetable   when a CPU is a vCPU's: share, longest gap, least time in any interval
    request     what a vCPU asks for, and whether a timetable gives it
    supply      the timetables of a system's vCPUs, plan by plan
    reserve     requests to periodic reservations that fit together
    edf         reservations to slots of a frame, by earliest deadline first; fewer switches
    propose     all planned CPUs of a system: a plan, or why there is none
    write       a plan as the text of a system file
    words       times and shares as text

All times are whole microseconds.  docs/time.md has the formulas.
"""
